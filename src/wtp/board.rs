//! What a simulated access point has under its software: the versions of its hardware and of its boot loader, which a WTP
//! Descriptor tells (RFC 5415 4.6.40).
//!
//! They are of the kind that such models have, by generation; no real unit is meant.

use capledger_schema::image::{ImageFamily, ImageVersion};

use crate::image::family::family_of;

/// The hardware version of a model.
pub(super) fn hardware(model: &str) -> &'static str {
    match generation(model) {
        Generation::Autonomous => "1.0.0.0",
        Generation::Wave2 => "1.0",
        Generation::Wifi6 => "2.0",
        Generation::Wifi6E => "3.0",
    }
}

/// The boot loader's version of a model.
pub(super) fn boot(model: &str) -> ImageVersion {
    ImageVersion(match generation(model) {
        Generation::Autonomous => [12, 4, 25, 0],
        Generation::Wave2 => [1, 1, 2, 4],
        Generation::Wifi6 => [1, 1, 2, 5],
        Generation::Wifi6E => [1, 1, 3, 1],
    })
}

enum Generation {
    /// Those whose image no family of the table is: they boot an IOS of their own.
    Autonomous,
    Wave2,
    Wifi6,
    Wifi6E,
}

fn generation(model: &str) -> Generation {
    match family_of(model).as_ref().map(ImageFamily::as_str) {
        Some("ap1g6" | "ap1g6a" | "ap1g7" | "ap1g8") => Generation::Wifi6,
        Some("ap1g6b") => Generation::Wifi6E,
        Some(_) => Generation::Wave2,
        None => Generation::Autonomous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_of_models_has_a_boot_loader_of_its_own() {
        let boots = ["AIR-AP1131AG-A-K9", "AIR-AP1815I-B-K9", "C9105AXI-B", "CW9166I-B"].map(|m| boot(m).to_string());
        assert_eq!(boots, ["12.4.25.0", "1.1.2.4", "1.1.2.5", "1.1.3.1"]);
        assert_eq!((hardware("C9120AXI-B"), hardware("AIR-AP4800-B-K9")), ("2.0", "1.0"));
    }
}
