//! Logging in: with the key where there is one, else with the password, asked for in either way that servers do.

use std::path::Path;
use std::sync::Arc;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use russh::MethodSet;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{Error as KeyError, PrivateKey, PrivateKeyWithHashAlg, load_secret_key};

use super::error;
use super::hostkey::{Checked, KeyCheck};
use crate::fetch::dial::Patience;
use crate::fetch::{FetchRequest, Login};
use crate::secrets::Plain;

/// Rounds of questions that a server may ask.
const ROUNDS: usize = 4;

pub(super) async fn login(
    session: &mut Handle<KeyCheck>,
    request: &FetchRequest,
    patience: &Patience<'_>,
    checked: &Checked,
) -> Result<(), FetchFailure> {
    let Login { user, password, key } = credentials(request);
    let lost = |e: &russh::Error| error::ssh(e, checked, true);
    let mut tried = Vec::new();
    let mut offered = None;
    if let Some(key) = &key {
        let key = Arc::new(load(key, password.as_ref())?);
        let hash =
            patience.wait("logging in", session.best_supported_rsa_hash()).await?.map_err(|e| lost(&e))?.flatten();
        let key = PrivateKeyWithHashAlg::new(key, hash);
        let answer = patience.wait("logging in", session.authenticate_publickey(&user, key)).await?;
        match answer.map_err(|e| lost(&e))? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods),
        }
        tried.push("key");
    }
    if let Some(password) = &password {
        let answer = patience.wait("logging in", session.authenticate_password(&user, password.expose())).await?;
        match answer.map_err(|e| lost(&e))? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods),
        }
        if offered.as_ref().is_some_and(|m| m.contains(&russh::MethodKind::KeyboardInteractive))
            && answers(session, &user, password, patience).await?.map_err(|e| lost(&e))?
        {
            return Ok(());
        }
        tried.push("password");
    }
    if tried.is_empty() {
        let answer = patience.wait("logging in", session.authenticate_none(&user)).await?;
        match answer.map_err(|e| lost(&e))? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods),
        }
    }
    Err(refused(&tried, offered.as_ref()))
}

/// Answers the server's questions with the password (RFC 4256), as servers with PAM want it.
async fn answers(
    session: &mut Handle<KeyCheck>,
    user: &str,
    password: &Plain,
    patience: &Patience<'_>,
) -> Result<Result<bool, russh::Error>, FetchFailure> {
    let mut answer = patience.wait("logging in", session.authenticate_keyboard_interactive_start(user, None)).await?;
    for _ in 0..ROUNDS {
        let questions = match answer {
            Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(Ok(true)),
            Ok(KeyboardInteractiveAuthResponse::Failure { .. }) => return Ok(Ok(false)),
            Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => prompts,
            Err(e) => return Ok(Err(e)),
        };
        // What may be shown on a screen is no question for a password.
        let said = |echo: bool| if echo { String::new() } else { password.expose().to_owned() };
        let said = questions.iter().map(|question| said(question.echo)).collect();
        answer = patience.wait("logging in", session.authenticate_keyboard_interactive_respond(said)).await?;
    }
    Ok(Ok(false))
}

/// Who asks: as the URL says, else as the request does.
fn credentials(request: &FetchRequest) -> Login {
    match (&request.login, request.url.credentials()) {
        (Some(login), _) => login.clone(),
        (None, Some(given)) => {
            let (user, password) = match given.split_once(':') {
                Some((user, password)) => (user, Some(Plain::new(password))),
                None => (given, None),
            };
            Login { user: user.to_owned(), password, key: None }
        }
        (None, None) => Login { user: "anonymous".to_owned(), password: None, key: None },
    }
}

fn load(path: &Path, password: Option<&Plain>) -> Result<PrivateKey, FetchFailure> {
    let loaded = match load_secret_key(path, None) {
        // The password may be the key's.
        Err(KeyError::KeyIsEncrypted) if password.is_some() => load_secret_key(path, password.map(Plain::expose)),
        loaded => loaded,
    };
    loaded.map_err(|e| {
        let words = if let KeyError::IO(e) = &e {
            crate::fetch::dial::words(e)
        } else if matches!(e, KeyError::KeyIsEncrypted) {
            "the key is encrypted; use one without a passphrase".to_owned()
        } else {
            e.to_string()
        };
        FetchFailure::new(FetchFailureKind::AuthenticationFailed, format!("sftp-key {}: {words}", path.display()))
    })
}

fn refused(tried: &[&str], offered: Option<&MethodSet>) -> FetchFailure {
    let methods: Vec<&str> = offered.into_iter().flat_map(|set| set.iter()).map(<&str>::from).collect();
    let ways = if methods.is_empty() { String::new() } else { format!(" (it takes {})", methods.join(", ")) };
    let words = match tried {
        [] => format!("the server asks for a password or a key, and none is set{ways}"),
        tried => format!("Permission denied: the server did not take the user's {}{ways}", tried.join(" or ")),
    };
    FetchFailure::new(FetchFailureKind::AuthenticationFailed, words)
}
