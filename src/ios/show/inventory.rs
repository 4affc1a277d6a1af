//! `show inventory`: the controller as the one chassis that it is; its serial number is the controller's id.

use serde::Serialize;

use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What there is.
    pub items: Vec<Item>,
}

/// A thing with a serial number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its place.
    pub name: &'static str,
    /// In words.
    pub description: String,
    /// What it is.
    pub product_id: &'static str,
    /// Which version of it: the program's.
    pub version_id: String,
    /// Which one: 16 hexadecimal digits.
    pub serial_number: String,
}

/// What the program calls itself where a product's name belongs.
pub(super) const PRODUCT: &str = "CAPLEDGER";

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let controller = &view.state.controller;
    let version = if controller.software.is_empty() { "unknown" } else { &controller.software };
    let chassis = Item {
        name: "Chassis",
        description: "Capledger CAPWAP controller in software".to_owned(),
        product_id: PRODUCT,
        version_id: version.to_owned(),
        serial_number: format!("{:016x}", controller.id.0),
    };
    Facts { items: vec![chassis] }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let item = |i: Item| {
        format!(
            "NAME: \"{}\", DESCR: \"{}\"\nPID: {:<18}, VID: {:<4} , SN: {}\n\n",
            i.name, i.description, i.product_id, i.version_id, i.serial_number
        )
    };
    facts(view).items.into_iter().map(item).collect()
}
