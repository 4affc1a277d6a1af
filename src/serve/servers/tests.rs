use std::net::{Ipv4Addr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::secrets::Key;

const PATIENCE: Duration = Duration::from_secs(10);

fn servers(data: &Path) -> (Servers, mpsc::Receiver<ServeNews>) {
    let vault = Arc::new(Vault::in_memory(Key::new(&[7; 32]).expect("a key")));
    let (to, news) = mpsc::channel();
    let tell = move |news| {
        // The test may have seen enough.
        let _ = to.send(news);
    };
    (Servers::new(data, vault, tell).expect("a thread"), news)
}

fn config(protocol: ServeProtocol, listen: SocketAddr, root: &Path) -> ServeConfig {
    let listen = BTreeMap::from([((protocol, listen), root.display().to_string())]);
    ServeConfig { listen, login: None }
}

#[test]
fn a_server_whose_port_is_taken_says_so_and_listens_with_the_next_change_once_it_is_free() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let listen = taken.local_addr().expect("bound");
    let (servers, news) = servers(dir.path());
    let wanted = config(ServeProtocol::Tftp, listen, dir.path());
    servers.follow(wanted.clone());
    let failed = news.recv_timeout(PATIENCE).expect("news");
    let ServeNews::NotListening { words, .. } = &failed else { panic!("{failed:?}") };
    assert!(words.contains("another program has this port"), "{words}");
    drop(taken);
    servers.follow(wanted);
    let up = ServeNews::Listening { protocol: ServeProtocol::Tftp, listen };
    assert_eq!(news.recv_timeout(PATIENCE).expect("news"), up);
    servers.follow(ServeConfig::default());
    drop(servers);
    UdpSocket::bind(listen).expect("it is free again");
    assert!(news.try_recv().is_err(), "stopping is no news");
}

#[test]
fn sftp_without_a_login_and_a_root_that_is_not_there_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let (servers, news) = servers(dir.path());
    for (protocol, root, words) in [
        (ServeProtocol::Sftp, dir.path().to_owned(), "image-server login NAME password 0 WORD"),
        (ServeProtocol::Tftp, dir.path().join("absent"), "name a directory"),
    ] {
        servers.follow(config(protocol, listen, &root));
        let said = news.recv_timeout(PATIENCE).expect("news");
        assert!(matches!(&said, ServeNews::NotListening { words: w, .. } if w.contains(words)), "{said:?}");
    }
}
