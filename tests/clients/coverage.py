"""Whether the tests have left out anything that the published document offers."""

import json
import re
import unittest

from facts import ANSWERED, FACTS


class Coverage(unittest.TestCase):
    def test_every_operation_of_the_document_has_been_done(self):
        document = json.load(open(FACTS['document']))
        missing = []
        for template, methods in document['paths'].items():
            # What one Protector says to the other.
            if template.startswith('/v1/admin/peer/'):
                continue
            path = re.sub(r'\{[^}]*\}', '[^/]+', template) + '$'
            # The catalog's address has the project in it, and clients add to that.
            if not template.startswith('/v1/{'):
                path = re.sub('^/v1/', '/v1/(?:%s/)?' % FACTS['project_id'], path)
            path = re.compile(path)
            missing += ['%s %s' % (method, template) for method in methods
                        if not any(asked == method.upper() and path.match(where)
                                   and status in range(200, 300)
                                   for asked, where, status in ANSWERED)]
        self.assertEqual(missing, [])
