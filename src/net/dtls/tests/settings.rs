//! Settings that cannot be used.

use super::*;

fn refused(config: &DtlsConfig) -> String {
    ClientContext::new(config).err().expect("refused").to_string()
}

#[test]
fn a_cipher_list_that_openssl_does_not_know_is_named() {
    let error = refused(&DtlsConfig { ciphers: "NO-SUCH-CIPHER".to_owned(), ..config() });
    assert!(error.contains("cipher list `NO-SUCH-CIPHER`"), "{error}");
}

#[test]
fn an_mtu_out_of_range_is_refused() {
    for mtu in [0, 299, 1_501] {
        assert!(refused(&DtlsConfig { mtu, ..config() }).contains("300 to 1500"));
    }
}

#[test]
fn a_key_log_that_cannot_be_written_is_named() {
    let error = refused(&DtlsConfig { key_log: Some("/proc/none/keys.log".into()), ..config() });
    assert!(error.starts_with("/proc/none/keys.log"), "{error}");
}
