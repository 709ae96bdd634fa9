//! Whatever a daemon, or a client of one, may send: all of it as bytes that are there at once.
#![no_main]

use futures_util::FutureExt as _;
use libfuzzer_sys::fuzz_target;
use storekeeper::domain::StorePath;
use storekeeper::wire::{
    Encoder, Identity, InfoReply, Message, Reader, Request, Version, client_handshake,
    encode_path_info, read_garbage, read_outputs, read_path_info, read_roots, server_handshake,
};

fuzz_target!(|data: &[u8]| {
    let Some((what, data)) = data.split_first() else {
        return;
    };
    let mut reader = Reader::new(data);
    let mut sent = Vec::new();
    // Bytes that are there need no waiting: each future is ready when it is first asked.
    match what % 8 {
        0 => {
            let hello = client_handshake(&mut reader, &mut sent).now_or_never();
            assert!(hello.is_some());
        }
        1 => {
            let identity = Identity {
                version: Version::NEWEST,
                nix_version: "2.28.3".to_owned(),
                trusted: Some(true),
            };
            let version = server_handshake(&mut reader, &mut sent, &identity).now_or_never();
            assert!(version.is_some());
        }
        2 => while let Some(Ok(_)) = Message::read(&mut reader).now_or_never() {},
        3 => while let Some(Ok(Some(_))) = Request::read(&mut reader).now_or_never() {},
        4 => assert!(read_roots(&mut reader).now_or_never().is_some()),
        5 => assert!(read_outputs(&mut reader).now_or_never().is_some()),
        6 => assert!(read_garbage(&mut reader).now_or_never().is_some()),
        _ => {
            let Ok(path) = StorePath::parse("/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0")
            else {
                return;
            };
            let body = read_path_info(&mut reader, &path).now_or_never();
            // What is understood is written so that it is understood again.
            if let Some(Ok(InfoReply::Valid(info))) = body {
                let mut out = Encoder::new();
                encode_path_info(&info, &mut out);
                let mut again = Reader::new(out.bytes());
                let again = read_path_info(&mut again, &path).now_or_never();
                assert!(matches!(again, Some(Ok(InfoReply::Valid(same))) if same == info));
            }
        }
    }
});
