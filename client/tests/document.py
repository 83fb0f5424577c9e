"""A Protector that answers every call of the published document with the document's own examples,
and refuses what the document does not know."""

import json
import pathlib
import re
import urllib.parse

FILE = pathlib.Path(__file__).parents[2] / 'openapi' / 'protector-v1.json'
DOCUMENT = json.loads(FILE.read_text())
# Between the two Protectors, and for load balancers: no command is for these.
NOT_FOR_PEOPLE = ('/v1/admin/peer/', '/healthcheck')


def operations():
    """Method and path of each call that a command should be there for."""
    return [
        (method.upper(), path)
        for path, methods in DOCUMENT['paths'].items()
        for method in methods
        if not path.startswith(NOT_FOR_PEOPLE) and path not in ('/', '/v1')
    ]


def matching(method, path):
    """The call of the document that this request is: literal segments win over parameters."""
    found = []
    for known, template in operations():
        # What the catalog's address puts before the paths of administrators.
        plain = template.replace('/v1/{tenant_id}', '').replace('/v1/', '/')
        pattern = re.sub(r'\{[^}]*\}', '[^/]+', plain)
        if known == method and re.fullmatch(pattern, path):
            found.append((template.count('{'), template))
    return min(found)[1] if found else None


def schema(part):
    """A schema without references."""
    while True:
        if '$ref' in part:
            part = DOCUMENT['components']['schemas'][part['$ref'].rpartition('/')[2]]
        elif len(part.get('allOf') or part.get('anyOf') or part.get('oneOf') or []) >= 1:
            kinds = part.get('allOf') or part.get('anyOf') or part.get('oneOf')
            part = next((one for one in kinds if '$ref' in one or 'properties' in one), kinds[0])
        else:
            return part


def faults(part, value, where=''):
    """What of a value is not as the schema says: unknown or missing fields, wrong types."""
    part = schema(part)
    if value is None:
        return []
    if 'enum' in part and value not in part['enum']:
        return ['%s: %r is none of %s' % (where, value, part['enum'])]
    if isinstance(value, list):
        return [f for one in value for f in faults(part['items'], one, where + '[]')]
    if not isinstance(value, dict):
        kinds = {str: 'string', bool: 'boolean', int: 'integer'}
        if part.get('type') not in (kinds[type(value)], 'number'):
            return ['%s: %r is no %s' % (where, value, part.get('type'))]
        return []
    known = part.get('properties', {})
    wrong = ['%s.%s is unknown' % (where, name) for name in value if name not in known]
    wrong += ['%s.%s is missing' % (where, n) for n in part.get('required', []) if n not in value]
    for name in value:
        if name in known:
            wrong += faults(known[name], value[name], '%s.%s' % (where, name))
    return wrong


class Site:
    """Answers a request of requests-mock, and keeps what was asked for."""

    def __init__(self, base):
        self.base = base
        self.asked = []
        # Answers of a test instead of the document's, by method and path.
        self.instead = {}

    def answers(self, method, path, *bodies, **more):
        """The next answers to a call; the last one stays. An exception is raised."""
        self.instead[(method, path)] = ([*bodies], more)

    def __call__(self, request, context):
        url = urllib.parse.urlsplit(request.url)
        path = urllib.parse.unquote(url.path[len(urllib.parse.urlsplit(self.base).path) :])
        body = request.json() if request.body else None
        query = dict(urllib.parse.parse_qsl(url.query))
        if path == '/':
            return DOCUMENT['paths']['/']['get']['responses']['200']['content']['application/json'][
                'examples'
            ]['answer']['value']
        self.asked.append((request.method, path, query, body, request.headers))
        context.headers['x-openstack-request-id'] = 'req-of-the-test'
        bodies, more = self.instead.get((request.method, path), (None, {}))
        if bodies:
            answer = bodies.pop(0) if len(bodies) > 1 else bodies[0]
            if isinstance(answer, BaseException):
                raise answer
            context.status_code = more.get('status', 200)
            return answer
        return self.example(request.method, path, query, body, context)

    def example(self, method, path, query, body, context):
        template = matching(method, path)
        if template is None:
            return refusal(context, 404, 'protector.no_such_path', '%s %s' % (method, path))
        call = DOCUMENT['paths'][template][method.lower()]
        wrong = ['%s is no parameter' % n for n in query if n not in parameters(call)]
        if body is not None:
            taken = call['requestBody']['content']['application/json']['schema']
            wrong += faults(taken, body)
        if wrong:
            return refusal(context, 400, 'protector.invalid_request', '; '.join(wrong))
        dry = 'dry_run' in json.dumps(body or {})
        status = min(s for s in call['responses'] if s.startswith('2' if dry else '20'))
        if not dry and '202' in call['responses']:
            status = '202'
        context.status_code = int(status)
        examples = call['responses'][status].get('content', {})
        examples = examples.get('application/json', {}).get('examples')
        if examples is None and status == '200' and '201' in call['responses']:
            examples = call['responses']['201']['content']['application/json']['examples']
        if not examples:
            return None
        answer = json.loads(json.dumps(next(iter(examples.values()))['value']))
        # There is one page.
        answer.pop('links', None)
        return answer


def parameters(call):
    return [one['name'] for one in call.get('parameters', []) if one['in'] == 'query']


def refusal(context, status, code, message, **more):
    """The body of a refusal, as the service writes it."""
    context.status_code = status
    return refused(status, code, message, **more)


def refused(status, code, message, **more):
    title = {400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 406: 'Not Acceptable'}.get(
        status, 'Conflict'
    )
    request_id = 'req-of-the-test'
    return {
        'error': {'code': status, 'title': title, 'message': message, 'request_id': request_id},
        'errors': [
            {
                'request_id': request_id,
                'code': code,
                'status': status,
                'title': title,
                'detail': message,
                **more,
            }
        ],
    }
