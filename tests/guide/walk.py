"""One way through the guide, and whether it prints what it says."""

import concurrent.futures
import json
import pathlib
import time

import blocks
from machines import Client, Controller, Failed, bare, say

TRIAL = pathlib.Path(__file__).resolve().parents[2] / 'deploy' / 'tests' / 'keystone-setup'


class Walk:
    """One way through the guide."""

    def __init__(self, facts):
        self.began = time.monotonic()
        self.facts = facts
        guide = pathlib.Path(facts['guide']).read_text(encoding='utf-8')
        self.blocks = blocks.read(guide)
        self.packages = blocks.packages(guide, 'controller')
        self.sites = [Controller(facts, name) for name in facts['sites']]
        self.client = Client(facts)
        self.done = 0

    def follow(self):
        """The steps of both sites side by side, then those of the client."""
        began = time.monotonic()
        root = bare(self.facts, self.packages)
        say('%13.1f s  a Debian with %s' % (time.monotonic() - began, ', '.join(self.packages)))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ways = [pool.submit(self.on_site, site, root) for site in self.sites]
            ways.append(pool.submit(self.client.start))
            for way in ways:
                way.result()
        self.walk('client', self.client, self.facts['client_values'], 'client')
        self.try_keystone_setup(self.sites[0])

    def try_keystone_setup(self, site):
        """What the guide says of the script beyond its one run: that it may be run again."""
        began = time.monotonic()
        script = TRIAL.read_text(encoding='utf-8')
        installed = 'set -- /usr/share/protector/keystone-setup.sh\n'
        say(site.run('. ~/admin-openrc\n' + installed + script).rstrip())
        say('%7.1f %5.1f s  %s' % (time.monotonic() - self.began, time.monotonic() - began, TRIAL))

    def on_site(self, site, root):
        site.start(root)
        self.walk('site', site, site.values, site.name)

    def walk(self, place, machine, values, name):
        printed = ''
        for block in self.blocks:
            if block.place != place:
                continue
            began = time.monotonic()
            where = '%s, line %d' % (name, block.line)
            try:
                if block.kind == 'values':
                    machine.run(blocks.filled_in(block, values))
                elif block.kind == 'run':
                    printed = machine.run(block.text)
                else:
                    compare(block, printed)
            except Failed as failed:
                raise Failed('%s: %s\n%s' % (where, block.text, failed)) from failed
            self.done += 1
            now = time.monotonic()
            if block.kind == 'run':
                say('%7.1f %5.1f s  %s' % (now - self.began, now - began, where))

    def stop(self):
        for site in self.sites:
            site.stop()


def compare(block, printed):
    if block.kind == 'json':
        try:
            found = json.loads(printed)
        except ValueError as error:
            raise Failed('no JSON was printed: %s' % printed) from error
        if not holds(found, json.loads(block.text)):
            raise Failed('it printed %s' % printed)
        return
    want, have = block.text.splitlines(), printed.rstrip('\n').splitlines()
    if [line.rstrip() for line in have[-len(want) :]] != want:
        raise Failed('it printed\n%s' % printed)


def holds(found, wanted):
    """Whether all that is wanted was found; objects may have more."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and holds(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(holds(*pair) for pair in zip(found, wanted))
        )
    return found == wanted
