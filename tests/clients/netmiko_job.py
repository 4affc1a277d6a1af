"""A night's job as operators write it with netmiko: look, parse, configure, save, leave.

Its one argument is a JSON object: host, port, username, password, secret, fast_cli, level (where the user begins), path
(of the image-download profile) and aps (how many access points there are). It ends with an error where anything is not
as netmiko's users expect it.
"""

import ipaddress
import json
import sys

from netmiko import ConfigInvalidException, ConnectHandler

HOSTNAME = "9120-EWC"
job = json.loads(sys.argv[1])


def look(device):
    version = device.send_command("show version", use_textfsm=True)
    assert len(version) == 1, version
    facts = version[0]
    assert facts["hostname"] == HOSTNAME and facts["software_image"] == "CAPLEDGER", facts
    assert facts["version"].count(".") == 2 and facts["uptime"].endswith("minutes"), facts
    assert facts["hardware"] == ["Capledger"] and len(facts["serial"][0]) == 16, facts

    inventory = device.send_command("show inventory", use_textfsm=True)
    assert [item["name"] for item in inventory] == ["Chassis"], inventory
    assert inventory[0]["sn"] == facts["serial"][0] and inventory[0]["pid"].strip() == "CAPLEDGER", inventory

    interfaces = {row["interface"]: row for row in device.send_command("show ip interface brief", use_textfsm=True)}
    assert interfaces["Ssh0"] == {"interface": "Ssh0", "ip_address": "127.0.0.1", "status": "up", "proto": "up"}
    assert all(ipaddress.ip_address(row["ip_address"]) for row in interfaces.values()), interfaces

    users = device.send_command("show users", use_textfsm=True)
    own = [row for row in users if row["line"].startswith("*")]
    assert [row["user"] for row in own] == [job["username"]], users
    assert own[0]["location"] == "127.0.0.1" and own[0]["idle"] == "00:00:00", users

    clock = device.send_command("show clock", use_textfsm=True)
    assert clock[0]["timezone"] == "UTC", clock
    log = device.send_command("show logging", use_textfsm=True)
    assert any(line["mnemonic"] == "LOGIN_SUCCESS" for line in log), log[:3]
    assert "VLAN Name" in device.send_command("show vlan brief"), "no table of VLANs"


def look_at_access_points(device):
    text = device.send_command("show ap image")
    # Fields begin where the 17.9 row has them, which is not under the labels.
    starts = (0, 34, 57, 84, 106, 128, 146, 164, None)
    lines = text.splitlines()
    dashes = next(n for n, line in enumerate(lines) if line.startswith("-----"))
    rows = [[line[a:b].strip() for a, b in zip(starts, starts[1:])] for line in lines[dashes + 1 :] if line.strip()]
    assert len(rows) == job["aps"], text
    assert lines[0] == f"Total number of APs  : {job['aps']}", lines[0]
    for row in rows:
        name, primary, _backup, status, version, _next_retry, retries, _method = row
        assert name and primary.count(".") == 3 and version.count(".") == 3, row
        assert status in ("None", "Initiated", "Predownloading", "Downloading", "Complete", "Failed"), row
        assert retries.isdigit(), row

    told = json.loads(device.send_command("show ap image | json"))
    assert [ap["name"] for ap in told["access_points"]] == [row[0] for row in rows], told

    summary = device.send_command("show ap summary", use_textfsm=True)
    assert len(summary) == job["aps"] and {row["state"] for row in summary} == {"Registered"}, summary
    assert [row["ap_name"] for row in summary] == [row[0] for row in rows], summary
    assert summary[0]["ap_model"] == "C9105AXI-B" and summary[0]["regulatory_domain"] == "-B", summary


def look_at_much(device):
    text = device.send_command("show running-config")
    hosts = [line for line in text.splitlines() if line.startswith("logging host ")]
    assert len(hosts) == 60 and "--More--" not in text, f"{len(hosts)} hosts"
    assert text.rstrip().endswith("end"), text[-80:]


def configure(device):
    lines = [
        "wireless profile image-download default",
        "image-download-mode sftp",
        "sftp-image-server 172.16.5.62",
        f"sftp-image-path {job['path']}",
        "sftp-username images",
        "sftp-password 0 pass%word1",
    ]
    said = device.send_config_set(lines, error_pattern=r"% (Invalid|Incomplete|Ambiguous)")
    prompts = [line.split("#")[0] for line in said.splitlines() if "#" in line]
    profile = f"{HOSTNAME}(config-wireless-image-download-profile"
    assert prompts == [f"{HOSTNAME}(config)", f"{profile})"] + [f"{profile}-sftp)"] * 5 + [HOSTNAME], prompts
    assert not device.check_config_mode(), "it stayed in configuration mode"

    try:
        device.send_config_set(["wireless profile image-download nonsense"], error_pattern=r"% Invalid input")
    except ConfigInvalidException:
        device.exit_config_mode()
    else:
        raise AssertionError("a wrong line was not noticed")
    wrong = device.send_command("show nonsense")
    assert wrong.endswith("^\n% Invalid input detected at '^' marker.\n"), repr(wrong)
    caret = wrong.splitlines()[0].index("^")
    assert caret == len(f"{HOSTNAME}#show "), caret


def save(device):
    said = device.save_config()
    assert "[OK]" in said and said.rstrip().endswith(HOSTNAME + "#"), said
    saved = device.send_command("show startup-config")
    assert f"sftp-image-path {job['path']}" in saved and "pass%word1" not in saved, saved
    # The other way to write it asks for the file's name.
    said = device.send_command_timing("copy running-config startup-config", strip_prompt=False)
    if "Destination filename" in said:
        said += device.send_command_timing("\n", strip_prompt=False)
    assert "[OK]" in said, said


def main():
    device = ConnectHandler(
        device_type="cisco_xe",
        host=job["host"],
        port=job["port"],
        username=job["username"],
        password=job["password"],
        secret=job["secret"],
        fast_cli=job["fast_cli"],
    )
    assert device.base_prompt == HOSTNAME, device.base_prompt
    begins = ">" if job["level"] == 1 else "#"
    assert device.find_prompt() == HOSTNAME + begins, device.find_prompt()
    assert device.check_enable_mode() == (job["level"] == 15), job["level"]
    device.enable()
    assert device.find_prompt() == HOSTNAME + "#" and device.check_enable_mode()
    look(device)
    look_at_access_points(device)
    look_at_much(device)
    configure(device)
    save(device)
    device.disconnect()
    assert not device.is_alive(), "it is still connected"


main()
