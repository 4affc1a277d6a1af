use super::*;
use crate::ios::action::Action;
use crate::ios::grammar::parse;
use crate::ios::grammar::tests::spelled;
use crate::ios::setting;
use crate::secrets::NoSecrets;
use crate::story::assert_golden;

#[test]
fn the_command_reference_comes_from_the_table() {
    assert_golden("command_reference.md", &reference());
}

#[test]
fn every_command_is_told_in_each_of_its_modes_with_its_no_form_and_its_values() {
    let text = reference();
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert_eq!(sections.len(), Mode::ALL.len());
    for (mode, section) in Mode::ALL.into_iter().zip(sections) {
        assert!(section.lines().next().is_some_and(|l| l.ends_with(&format!("`{}`", mode.prompt()))), "{section}");
        for entry in entries(mode).filter(|e| !upgrade::is_shortened(e) && upgrade::with_options(e).is_none()) {
            if mode == Mode::Privileged && entry.modes.contains(&Mode::User) {
                continue;
            }
            let head = format!("\n- `{}`: ", syntax(entry.tokens));
            let told = section.split_once(&head).unwrap_or_else(|| panic!("{head} in {mode:?}")).1;
            let told = told.split("\n- `").next().expect("a piece");
            assert!(told.lines().next().is_some_and(|purpose| !purpose.trim().is_empty()), "{head}");
            for (label, help) in entry.tokens.iter().flat_map(values) {
                assert!(told.contains(&format!("\n  - `{label}`: {help}")), "{head} {label}");
            }
            assert_eq!(told.contains("\n  - `no "), entry.no.is_some(), "{head}");
        }
    }
}

/// Every default of a number or a choice that a `no` form sets is the one that `?` and the reference tell.
#[test]
fn the_defaults_that_are_told_are_those_that_no_sets() {
    let mut looked = 0;
    for mode in Mode::ALL.into_iter().filter(|m| m.is_config()) {
        for entry in entries(mode) {
            let Some(no) = entry.no else { continue };
            let line = format!("no {}", spelled(&entry.tokens[..no.keep]));
            let Ok(Some(Action::Configure { settings, .. })) = parse(mode, &line) else { continue };
            let [default] = &settings[..] else { continue };
            let (_, sets) = setting::line(default, &NoSecrets);
            if sets.starts_with("no ") {
                continue;
            }
            let helps: Vec<(String, &str)> = entry.tokens.iter().flat_map(values).collect();
            let told = sets.split(' ').any(|word| {
                let number = word.parse::<u64>().is_ok() && helps.iter().any(|(_, h)| h.contains(&format!("({word}")));
                number || helps.iter().any(|(label, h)| label == word && h.contains("(default"))
            });
            let is_told = entry
                .tokens
                .iter()
                .any(|t| matches!(t, Token::Arg { arg: Arg::Number(..) | Arg::Share | Arg::Choice(_), .. }));
            assert!(told || !is_told, "`{line}` sets `{sets}`, and `?` does not say so: {helps:?}");
            looked += usize::from(is_told);
        }
    }
    assert!(looked >= 20, "{looked} defaults were looked at");
}
