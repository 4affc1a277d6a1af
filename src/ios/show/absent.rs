//! What clients ask of every device and this one has not: name servers and a cache of hosts of its own, VLANs, a second
//! chassis. The answers say so in the form that the clients read.

use serde::Serialize;

/// What `show hosts` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hosts {
    /// Who turns names into addresses.
    pub lookup: &'static str,
    /// Names that the controller keeps itself.
    pub hosts: [(); 0],
}

/// What `show vlan` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vlans {
    /// The VLANs.
    pub vlans: [(); 0],
}

/// What `show switch virtual` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// Whether chassis are joined into one.
    pub mode: &'static str,
}

/// What `show hosts` tells.
pub fn hosts() -> Hosts {
    Hosts { lookup: "operating system", hosts: [] }
}

/// What `show vlan` tells.
pub fn vlans() -> Vlans {
    Vlans { vlans: [] }
}

/// What `show switch virtual` tells.
pub fn switch() -> Switch {
    Switch { mode: "standalone" }
}

/// `show hosts`
pub fn show_hosts() -> String {
    format!(
        "Name/address lookup uses the resolver of the {}\n\n\
         Codes: UN - unknown, EX - expired, OK - OK, ?? - revalidate\n       \
         temp - temporary, perm - permanent\n       \
         NA - Not Applicable None - Not defined\n\n\
         Host                      Port  Flags      Age Type   Address(es)\n",
        hosts().lookup
    )
}

/// `show vlan`, `show vlan brief`
pub fn show_vlans() -> String {
    "\nVLAN Name                             Status    Ports\n\
     ---- -------------------------------- --------- -------------------------------\n"
        .to_owned()
}

/// `show switch virtual`
pub fn show_switch() -> String {
    "\nSwitch mode                  : Standalone\n\n".to_owned()
}
