"""What NAPALM's users ask of a device through its ios driver: facts, the configuration, users, views, whether it is alive.

Its one argument is a JSON object: host, port, username, password and secret. It ends with an error where anything is not
as NAPALM's users expect it.
"""

import json
import sys

from napalm import get_network_driver

job = json.loads(sys.argv[1])
options = {"port": job["port"], "secret": job["secret"]}
device = get_network_driver("ios")(job["host"], job["username"], job["password"], optional_args=options)
with device:
    assert device.is_alive() == {"is_alive": True}
    facts = device.get_facts()
    assert facts["hostname"] == "9120-EWC" and facts["model"] == "Capledger", facts
    assert facts["os_version"].startswith("Capledger Version ") and len(facts["serial_number"]) == 16, facts
    assert facts["uptime"] >= 0 and facts["interface_list"] == ["Capwap0", "Ssh0"], facts

    # It keeps a session alive with NUL octets, which are no input.
    for _ in range(3):
        assert device.is_alive() == {"is_alive": True}
    views = device.cli(["show privilege", "show ap image"])
    assert views["show privilege"] == "Current privilege level is 15", views
    assert views["show ap image"].startswith("Total number of APs"), views

    running = device.get_config(retrieve="running")["running"]
    assert "hostname 9120-EWC" in running and running.endswith("end"), running
    assert "Building configuration" not in running and job["password"] not in running, running
    sanitized = device.get_config(retrieve="running", sanitized=True)["running"]
    assert " secret 6 <removed>" in sanitized, sanitized

    device.device.save_config()
    saved = device.get_config(retrieve="startup")["startup"]
    assert "hostname 9120-EWC" in saved and saved.endswith("end"), saved

    users = device.get_users()
    assert {name: user["level"] for name, user in users.items()} == {"admin": 15, "guest": 1}, users
    assert device.get_vlans() == {} and device.get_interfaces() == {}
assert device.is_alive() == {"is_alive": False}
