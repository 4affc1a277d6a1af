"""What scrapli's users do with a device of the cisco_iosxe definition: rise, look, parse, configure.

Its one argument is a JSON object: host, port, username, password, secret and path (of the image-download profile). It ends
with an error where anything is not as scrapli's users expect it.
"""

import json
import sys

from scrapli import AuthOptions, Cli, LookupKeyValue

job = json.loads(sys.argv[1])
# `enable` is asked for where the user begins without privileges.
secret = [LookupKeyValue(key="enable", value=job["secret"])]
login = AuthOptions(username=job["username"], password=job["password"], lookups=secret)
with Cli(definition_file_or_name="cisco_iosxe", host=job["host"], port=job["port"], auth_options=login) as device:
    assert device.get_prompt().result.strip() == "9120-EWC#", device.get_prompt().result
    version = device.send_input("show version")
    assert not version.failed and version.textfsm_parse()[0]["hostname"] == "9120-EWC", version.result
    inventory = device.send_input("show inventory").textfsm_parse()
    assert inventory[0]["name"] == "Chassis", inventory
    assert device.send_input("show nonsense").failed, "a wrong line was not noticed"
    # Longer than a page.
    hosts = device.send_input("show running-config | include logging host").result
    assert len(hosts.splitlines()) == 60 and "--More--" not in hosts, hosts
    lines = [
        "wireless profile image-download default",
        "image-download-mode sftp",
        f"sftp-image-path {job['path']}",
        "exit",
        "exit",
    ]
    changed = device.send_inputs(lines, requested_mode="configuration")
    assert not changed.failed, changed.result
    wrong = device.send_inputs(["hostname"], requested_mode="configuration")
    assert wrong.failed and "% Incomplete command." in wrong.result, wrong.result
    assert device.send_input("show privilege").result == "Current privilege level is 15"
