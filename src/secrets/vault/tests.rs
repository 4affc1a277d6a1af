use std::sync::Arc;

use capledger_schema::setting::Setting;

use super::*;

fn clear(text: &str) -> Typed {
    Typed::Clear(Plain::new(text))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").mode() & 0o777
}

#[test]
fn a_kept_secret_is_there_after_a_restart_and_its_files_are_closed_to_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let vault = Vault::open(dir.path()).expect("a vault");
    let sealed = vault.seal(&clear("SECRETWORD")).expect("sealed");
    assert!(vault.sealed(sealed.id()).is_none(), "sealing stores nothing");
    drop(vault.keep(std::slice::from_ref(&sealed)).expect("kept"));
    for file in [KEY_FILE, SEALED_FILE] {
        assert_eq!(mode(&dir.path().join(file)), 0o600, "{file}");
        assert!(!fs::read_to_string(dir.path().join(file)).expect("text").contains("SECRETWORD"), "{file}");
    }
    drop(vault);
    let vault = Vault::open(dir.path()).expect("the same vault");
    assert_eq!(vault.reveal(sealed.id()).expect("revealed").expose(), "SECRETWORD");
    assert_eq!(vault.seal(&clear("SECRETWORD")).expect("sealed"), sealed, "the same secret is the same again");
    assert_eq!(Ciphertexts::read(dir.path()).expect("read").text(sealed.id()), sealed.to_string());
}

#[test]
fn a_secret_of_type_6_reads_back_where_the_key_is_and_is_refused_elsewhere() {
    let [here, there] = [1, 2].map(|n| Vault::in_memory(Key::new(&[n; 32]).expect("a key")));
    let sealed = here.seal(&clear("SECRETWORD")).expect("sealed");
    let text = Typed::Sealed(sealed.to_string());
    assert_eq!(here.seal(&text).expect("its own"), sealed);
    let words = there.seal(&text).expect_err("a foreign one").to_string();
    assert!(words.contains("was sealed with another key") && !words.contains("SECRETWORD"), "{words}");
    let id = Typed::Sealed(format!("{:016x}", sealed.id().0));
    assert!(matches!(here.seal(&id), Err(SecretError::Unknown { .. })), "an id alone needs its ciphertext");
    let _kept = here.keep(std::slice::from_ref(&sealed)).expect("kept");
    assert_eq!(here.seal(&id).expect("known by now"), sealed);
    assert!(matches!(here.seal(&Typed::Sealed("SECRETWORD".into())), Err(SecretError::NotSealed)));
}

#[test]
fn a_type_that_other_controllers_print_is_no_password() {
    let vault = Vault::in_memory(Key::new(&[1; 32]).expect("a key"));
    let typed = |text: &str| vault.seal(&Typed::Untold(Plain::new(text)));
    assert!(matches!(typed("7 094F471A1A0A"), Err(SecretError::Type(kind)) if kind == "7"));
    assert_eq!(typed("7up").expect("a word").id(), vault.seal(&clear("7up")).expect("a word").id());
    assert_eq!(typed("open sesame").expect("words").id(), vault.seal(&clear("open sesame")).expect("words").id());
}

#[test]
fn what_no_setting_names_is_erased_unless_a_change_is_under_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let vault = Arc::new(Vault::open(dir.path()).expect("a vault"));
    let [old, new] = ["old", "new"].map(|text| vault.seal(&clear(text)).expect("sealed"));
    drop(vault.keep(std::slice::from_ref(&old)).expect("kept"));
    let mut config = Config::default();
    config.set(&Setting::SftpPassword(Some(old.id())));
    let mut eraser = Eraser::new(Arc::clone(&vault), &State { config, ..State::default() }).expect("an eraser");
    assert!(vault.sealed(old.id()).is_some());

    let kept = vault.keep(std::slice::from_ref(&new)).expect("kept");
    vault.retain(&BTreeSet::from([old.id()])).expect("another operator's change");
    assert!(vault.sealed(new.id()).is_some(), "it waits for its own change");

    let mut story = crate::story::Story::begin("2024-02-01T17:00:00Z");
    story.configured(vec![Setting::SftpPassword(Some(new.id()))]);
    for envelope in &story.envelopes {
        eraser.apply(envelope);
    }
    drop(kept);
    let text = fs::read_to_string(dir.path().join(SEALED_FILE)).expect("text");
    assert_eq!(text, format!("{HEADER}{new}\n"));
    drop(vault.keep(std::slice::from_ref(&old)).expect("kept"));
    vault.retain(&BTreeSet::new()).expect("retained");
    assert_eq!(fs::read_to_string(dir.path().join(SEALED_FILE)).expect("text"), HEADER);
}

#[test]
fn files_that_others_may_open_or_that_are_damaged_are_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Vault::open(dir.path()).expect("a vault"));
    let key = dir.path().join(KEY_FILE);
    fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("mode set");
    let words = Vault::open(dir.path()).expect_err("open to the group").to_string();
    assert!(words.contains("chmod 600"), "{words}");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("mode set");
    fs::write(&key, "no key\n").expect("written");
    assert!(matches!(Vault::open(dir.path()), Err(SecretError::BadKey { .. })));
    fs::remove_file(&key).expect("removed");
    let sealed = dir.path().join(SEALED_FILE);
    fs::write(&sealed, "# a comment\nno secret\n").expect("written");
    fs::set_permissions(&sealed, Permissions::from_mode(0o600)).expect("mode set");
    assert!(matches!(Vault::open(dir.path()), Err(SecretError::Damaged { line: 2, .. })));
}
