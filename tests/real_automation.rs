//! Operators' automation runs against the command line over SSH as it does against the real product: netmiko connects,
//! rises, looks, parses, configures, notices a wrong line, saves and leaves; NAPALM gets its facts; scrapli keeps its
//! modes; a play of Ansible changes what differs and nothing else.

mod support;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use support::bundle::OLD;
use support::controller::{Controller, Place};
use support::fleet::Simulate;
use support::python::Python;
use support::ssh::{free_port, served_on, wait_until_served};
use support::{PATIENCE, too_long, wait_until};

/// Access points that are there.
const APS: usize = 5;

const USERS: &str = "username admin privilege 15 secret 0 open-sesame\nusername guest privilege 1 secret 0 mellon\n\
                     enable secret 0 up-we-go\n";

/// A controller with a configuration longer than a page, and its port of SSH.
fn stage(dir: &Path) -> (Controller, Place, u16) {
    let port = free_port();
    let mut config = format!("{}{USERS}software version {OLD}\n", served_on(port));
    for n in 1..=60 {
        let _ = writeln!(config, "logging host 127.0.9.{n} transport udp port 9");
    }
    let place = Place::new(dir, &config);
    let controller = place.start(place.serve());
    wait_until_served(port);
    (controller, place, port)
}

#[test]
fn a_job_of_netmiko_runs_as_it_is_from_its_login_to_its_end() {
    let Some(python) = Python::find() else { return };
    if too_long(25) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (controller, place, port) = stage(dir.path());
    let simulate = Simulate::start(place.ac(), APS, &["C9105AXI-B"], &[]);
    wait_until("the access points serve", PATIENCE, || {
        place.exec(&["show ap summary"]).matches("Registered").count() == APS
    });
    for (n, (user, password, level, fast)) in [
        ("admin", "open-sesame", 15, false),
        ("admin", "open-sesame", 15, true),
        ("guest", "mellon", 1, false),
        ("guest", "mellon", 1, true),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/Documents/sftp_files/EWC_17_9_4a/{n}");
        let job = json!({
            "host": "127.0.0.1", "port": port, "username": user, "password": password, "secret": "up-we-go",
            "fast_cli": fast, "level": level, "path": path, "aps": APS,
        });
        python.run("netmiko_job.py", &job.to_string());
        let shown = place.exec(&["show running-config"]);
        let profile = format!(
            "wireless profile image-download default\n image-download-mode sftp\n  sftp-image-server 172.16.5.62\n  \
             sftp-image-path {path}\n  sftp-username images\n  sftp-password 6 "
        );
        assert!(shown.contains(&profile), "{shown}");
        let saved = place.exec(&["show startup-config"]);
        assert!(saved.contains(&profile), "{saved}");
        let log = place.exec(&["show logging"]);
        let told = format!("%SYS-5-CONFIG_I: Configured from console by {user} on vty0 (127.0.0.1)");
        assert!(log.contains(&told), "{log}");
        assert!(log.contains(&format!("%SYS-6-LOGOUT: User {user} has exited tty session 0(127.0.0.1)")), "{log}");
    }
    simulate.stop();
    controller.stop();
    place.verify();
    let controller = place.start(place.serve_again());
    assert!(place.exec(&["show running-config"]).contains("  sftp-image-path /Documents/sftp_files/EWC_17_9_4a/3\n"));
    controller.stop();
}

#[test]
fn napalm_gets_facts_configuration_users_and_views() {
    let Some(python) = Python::find() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let (controller, place, port) = stage(dir.path());
    for (user, password) in [("admin", "open-sesame"), ("guest", "mellon")] {
        let job = json!({
            "host": "127.0.0.1", "port": port, "username": user, "password": password, "secret": "up-we-go",
        });
        python.run("napalm_job.py", &job.to_string());
    }
    controller.stop();
    place.verify();
}

/// A play that rises by `become`, gathers facts, shows, configures twice and makes a mistake.
const PLAY: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - cisco.ios.ios_facts: {gather_subset: all}
    - assert:
        that:
          - ansible_net_hostname == '9120-EWC'
          - ansible_net_model == 'Capledger'
          - ansible_net_serialnum | length == 16
    - cisco.ios.ios_command: {commands: [show privilege, show ap image, show running-config]}
      register: shown
    - assert:
        that:
          - shown.stdout[0] == 'Current privilege level is 15'
          - shown.stdout[1].startswith('Total number of APs')
          - '\"--More--\" not in shown.stdout[2]'
    - cisco.ios.ios_config: &profile
        parents: [wireless profile image-download default, image-download-mode sftp]
        lines: [sftp-image-server 172.16.5.62, sftp-image-path /EWC/of-ansible, sftp-username images]
        save_when: changed
      register: first
    - cisco.ios.ios_config: *profile
      register: again
    - cisco.ios.ios_config: {lines: [hostnam nonsense of mine]}
      register: wrong
      ignore_errors: true
    - assert:
        that:
          - first.changed
          - not again.changed
          - wrong.failed
";

#[test]
fn ansible_gathers_facts_configures_once_and_notices_a_mistake() {
    let Some(python) = Python::find() else { return };
    // Its collections are half a gigabyte, so nothing asks for them.
    let Some(playbook) = python.beside("ansible-playbook") else {
        eprintln!("SKIPPED: CAPLEDGER_PYTHON has no ansible beside it");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (controller, place, port) = stage(dir.path());
    let inventory = format!(
        "controller ansible_host=127.0.0.1 ansible_port={port} ansible_user=guest ansible_password=mellon \
         ansible_network_os=cisco.ios.ios ansible_connection=ansible.netcommon.network_cli ansible_become=yes \
         ansible_become_method=enable ansible_become_password=up-we-go ansible_network_cli_ssh_type=paramiko\n"
    );
    for (name, text) in [("inventory.ini", inventory.as_str()), ("play.yml", PLAY)] {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let play = std::process::Command::new(playbook)
        .args(["-i", "inventory.ini", "play.yml"])
        .current_dir(dir.path())
        .env("ANSIBLE_HOST_KEY_CHECKING", "False")
        .env("ANSIBLE_HOME", dir.path())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&play.stdout);
    assert!(play.status.success(), "{said}{}", String::from_utf8_lossy(&play.stderr));
    let saved = place.exec(&["show startup-config"]);
    assert!(saved.contains(" image-download-mode sftp\n  sftp-image-server 172.16.5.62\n"), "{saved}");
    assert!(saved.contains("  sftp-image-path /EWC/of-ansible\n"), "{saved}");
    controller.stop();
    place.verify();
}

#[test]
fn scrapli_rises_looks_and_configures() {
    let Some(python) = Python::find() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let (controller, place, port) = stage(dir.path());
    for (user, password) in [("admin", "open-sesame"), ("guest", "mellon")] {
        let path = format!("/EWC/of-{user}");
        let job = json!({
            "host": "127.0.0.1", "port": port, "username": user, "password": password, "secret": "up-we-go",
            "path": path,
        });
        python.run("scrapli_job.py", &job.to_string());
        let shown = place.exec(&["show running-config | section wireless"]);
        assert!(shown.contains(&format!(" image-download-mode sftp\n  sftp-image-path {path}\n")), "{shown}");
    }
    controller.stop();
    place.verify();
}
