//! Which image an access point model runs.
//!
//! Access points name their model in the WTP Board Data or WTP Descriptor (RFC 5415 4.6.40, 4.6.41) as the price list
//! does: `C9105AXI-B`, `AIR-AP1815I-B-K9`. The table is by series. A model that is not in it has no family; nothing
//! here guesses one.

use capledger_schema::image::ImageFamily;
use capledger_schema::project::State;
use capledger_schema::project::config::ImageConfig;

/// One image and the series that run it. A digit of a series is itself; `x` is any digit.
struct Row {
    family: &'static str,
    series: &'static [&'static str],
    /// Models of it that really exist, for the simulator and the demonstration.
    models: &'static [&'static str],
}

const TABLE: &[Row] = &[
    Row {
        family: "ap1g4",
        series: &["1810", "183x", "185x"],
        models: &["AIR-AP1810W-B-K9", "AIR-AP1832I-B-K9", "AIR-AP1852I-B-K9"],
    },
    Row {
        family: "ap1g5",
        series: &["154x", "180x", "1815"],
        models: &["AIR-AP1815I-B-K9", "AIR-AP1542I-B-K9", "AIR-AP1800I-B-K9"],
    },
    Row { family: "ap1g6", series: &["9117"], models: &["C9117AXI-B"] },
    Row { family: "ap1g6a", series: &["9124", "9130"], models: &["C9130AXI-B", "C9124AXI-B"] },
    Row {
        family: "ap1g6b",
        series: &["9136", "9162", "9164", "9166"],
        models: &["CW9166I-B", "CW9164I-B", "CW9162I-B", "C9136I-B"],
    },
    Row { family: "ap1g7", series: &["9115", "9120"], models: &["C9120AXI-B", "C9115AXI-B"] },
    Row { family: "ap1g8", series: &["9105"], models: &["C9105AXI-B", "C9105AXW-B"] },
    Row {
        family: "ap3g3",
        series: &["280x", "380x", "480x", "156x", "630x"],
        models: &["AIR-AP2802I-B-K9", "AIR-AP3802I-B-K9", "AIR-AP4800-B-K9", "AIR-AP1562I-B-K9", "IW-6300H-AC-B-K9"],
    },
];

/// Words that may stand before the one with the number, or directly before the number in the same word.
const LEADS: &[&str] = &["AIR", "CISCO", "CATALYST", "AIRONET", "AP", "CAP", "OEAP", "C", "CW", "IW", "ESW", ""];

/// The image family of a model as the access point names it; none if the model is not in the table.
///
/// Case, vendor words, regulatory domain and packaging suffixes do not matter: `C9105AXI`, `cisco AIR-AP1815I-B-K9`
/// and `1815` all match. A name that only looks like a model (`AP-POD-2-2`, `AP-9117`) does not.
pub fn family_of(model: &str) -> Option<ImageFamily> {
    let series = series_of(model)?;
    let row = TABLE.iter().find(|row| row.series.iter().any(|pattern| matches(pattern, series)))?;
    row.family.parse().ok()
}

/// The image family of a model as the configuration has it (`ap image map`), else by the table.
pub fn family_in(images: &ImageConfig, model: &str) -> Option<ImageFamily> {
    images.mapped(model).cloned().or_else(|| family_of(model))
}

/// The family that a WTP means by the name that it asks for an image by: what `ap image alias` says, else the name's last
/// part (`/ap3g2`, `ap1g8 17.9.4.27`), if that is a family of the table, of the configuration or of the cache.
pub fn family_named(state: &State, name: &str) -> Option<ImageFamily> {
    let images = &state.config.image;
    if let Some(family) = images.alias(name) {
        return Some(family.clone());
    }
    let bare = name.split_whitespace().next()?.rsplit('/').next()?;
    if let Some(family) = images.alias(bare) {
        return Some(family.clone());
    }
    let family: ImageFamily = bare.parse().ok()?;
    let configured = || images.map.values().chain(images.aliases.values()).chain(images.local.keys());
    let known = TABLE.iter().any(|row| row.family == family.as_str())
        || configured().any(|f| *f == family)
        || state.installs.catalogue.keys().any(|(f, _)| *f == family);
    known.then_some(family)
}

/// The families of the table, in its order.
pub fn families() -> impl Iterator<Item = ImageFamily> {
    TABLE.iter().filter_map(|row| row.family.parse().ok())
}

/// Models that run this family's image, by the names the access points give themselves; empty for an unknown family.
pub fn models_of(family: &ImageFamily) -> &'static [&'static str] {
    TABLE.iter().find(|row| row.family == family.as_str()).map_or(&[], |row| row.models)
}

/// The four digits that name the series: in the first word that has any, after nothing but known words.
fn series_of(model: &str) -> Option<&str> {
    let mut words = model.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    loop {
        let word = words.next()?;
        let Some(at) = word.find(|c: char| c.is_ascii_digit()) else {
            // "AP" alone begins names that installers give (`AP-9117`), never a model.
            if is_lead(word) && !word.eq_ignore_ascii_case("AP") {
                continue;
            }
            return None;
        };
        let digits = word[at..].find(|c: char| !c.is_ascii_digit()).map_or(&word[at..], |end| &word[at..at + end]);
        return (digits.len() == 4 && is_lead(&word[..at])).then_some(digits);
    }
}

fn is_lead(word: &str) -> bool {
    LEADS.iter().any(|lead| lead.eq_ignore_ascii_case(word))
}

fn matches(pattern: &str, series: &str) -> bool {
    pattern.len() == series.len() && pattern.bytes().zip(series.bytes()).all(|(p, s)| p == b'x' || p == s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(model: &str) -> Option<String> {
        family_of(model).map(|f| f.to_string())
    }

    #[test]
    fn models_match_as_access_points_and_price_lists_write_them() {
        for (model, family) in [
            ("C9105AXI", "ap1g8"),
            ("C9105AXW-E", "ap1g8"),
            ("c9105axi-b", "ap1g8"),
            ("AIR-AP1815I-B-K9", "ap1g5"),
            ("AIR-AP1815W-E-K9C", "ap1g5"),
            ("AIR-AP1810W-B-K9", "ap1g4"),
            ("AIR-OEAP1810-B-K9", "ap1g4"),
            ("AIR-AP1832I-UXK9", "ap1g4"),
            ("AIR-AP1852E-B-K9", "ap1g4"),
            ("AIR-AP1542D-E-K9", "ap1g5"),
            ("AIR-AP1562PS-B-K9", "ap3g3"),
            ("AIR-AP2802I-E-K9", "ap3g3"),
            ("cisco AIR-AP3802P-B-K9", "ap3g3"),
            ("AIR-AP4800-B-K9", "ap3g3"),
            ("IW-6300H-DC-B-K9", "ap3g3"),
            ("ESW-6300-CON-B-K9", "ap3g3"),
            ("C9117AXI", "ap1g6"),
            ("C9130AXE-STA-B", "ap1g6a"),
            ("C9124AXD-B", "ap1g6a"),
            ("C9136I-ROW", "ap1g6b"),
            ("CW9162I", "ap1g6b"),
            ("CW9166D1-B", "ap1g6b"),
            ("Cisco Catalyst 9120AXI", "ap1g7"),
            ("C9115AXE-B", "ap1g7"),
            ("1815", "ap1g5"),
        ] {
            assert_eq!(name(model).as_deref(), Some(family), "{model}");
        }
    }

    #[test]
    fn what_is_not_a_model_of_the_table_has_no_family() {
        for model in [
            "",
            "AP-POD",
            "AP-POD-2-2",
            "AP-9117",
            "AP6C41.0E16.E79C",
            "emorenoa-9105",
            "AIR-CAP3702I-B-K9",
            "AIR-AP1702I",
            "C9999AXI",
            "C91051AXI",
            "C910",
            "WTP 1815",
            "🦀",
        ] {
            assert_eq!(name(model), None, "{model}");
        }
    }

    #[test]
    fn the_configuration_goes_before_the_table() {
        let mut images = ImageConfig::default();
        assert_eq!(family_in(&images, "C9105AXI-B"), family_of("C9105AXI-B"));
        assert_eq!(family_in(&images, "C9999AXI-B"), None);
        for (model, family) in [("C9105", "ap1g8x"), ("C9999", "ap1g9")] {
            images.map.insert(model.to_owned(), family.parse().expect("a family"));
        }
        let name = |model| family_in(&images, model).map(|f| f.to_string());
        assert_eq!((name("C9105AXI-B").as_deref(), name("C9999AXI-B").as_deref()), (Some("ap1g8x"), Some("ap1g9")));
    }

    #[test]
    fn a_name_that_is_asked_by_means_its_alias_or_a_family_that_is_known() {
        let mut state = State::default();
        let image = &mut state.config.image;
        image.aliases.insert("/C1130".to_owned(), "ap1g4".parse().expect("a family"));
        image.aliases.insert("c1140".to_owned(), "ap1g5".parse().expect("a family"));
        image.local.insert("ap3g2".parse().expect("a family"), "images/ap3g2".to_owned());
        for (asked, family) in [
            ("/c1130", Some("ap1g4")),
            ("/platform/C1140", Some("ap1g5")),
            ("/ap3g2", Some("ap3g2")),
            ("ap1g8", Some("ap1g8")),
            ("ap1g8 17.9.4.27", Some("ap1g8")),
            ("c1130", None),
            ("17.9.4.27", None),
            ("ap9g9", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(family_named(&state, asked).map(|f| f.to_string()).as_deref(), family, "{asked}");
        }
    }

    #[test]
    fn every_listed_model_belongs_to_its_own_row() {
        for family in families() {
            assert!(!models_of(&family).is_empty());
            for model in models_of(&family) {
                assert_eq!(family_of(model).as_ref(), Some(&family), "{model}");
            }
        }
    }
}
