//! The decoder survives any bytes in any pieces.

use heirloom_engine::repository::{check_name, check_prefix};
use heirloom_plugin::message::{HostHello, Listed, Log, PluginHello, Request, Response, decode};
use heirloom_plugin::{Decoder, EXCERPT_BYTES, Frame, FrameError, FrameKind, is_name, is_prefix};
use proptest::collection::vec;
use proptest::prelude::*;

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let frame =
        (0..11_usize, 1..50_u32, vec(any::<u8>(), 1..300)).prop_map(|(kind, stream, bytes)| {
            let kind = FrameKind::ALL[kind];
            match kind {
                FrameKind::Hello | FrameKind::Log => Frame::new(kind, 0, bytes),
                FrameKind::Ping | FrameKind::Pong => {
                    Frame::new(kind, 0, bytes.into_iter().take(64).collect())
                }
                FrameKind::Bye => Frame::new(kind, 0, Vec::new()),
                FrameKind::End | FrameKind::Cancel => Frame::new(kind, stream, Vec::new()),
                FrameKind::Credit => Frame::credit(stream, stream * 7),
                FrameKind::Request | FrameKind::Response | FrameKind::Data => {
                    Frame::new(kind, stream, bytes)
                }
            }
        });
    vec(frame, 0..12)
}

/// Feeds the bytes in pieces of these sizes, again and again.
fn feed(bytes: &[u8], sizes: &[usize]) -> (Vec<Frame>, Option<FrameError>, Decoder) {
    let (mut decoder, mut found, mut rest) = (Decoder::new(), Vec::new(), bytes);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        match decoder.push(part) {
            Ok(frames) => found.extend(frames),
            Err(error) => return (found, Some(error), decoder),
        }
    }
    (found, None, decoder)
}

proptest! {
    #[test]
    fn frames_survive_any_cuts(frames in frames(), sizes in vec(1..400_usize, 1..8)) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let (found, error, decoder) = feed(&bytes, &sizes);
        prop_assert_eq!(found, frames);
        prop_assert_eq!(error, None);
        prop_assert!(decoder.excerpt().is_empty());
    }

    #[test]
    fn any_bytes_give_frames_or_one_lasting_error(
        frames in frames(),
        noise in vec(any::<u8>(), 0..200),
        sizes in vec(1..400_usize, 1..8),
    ) {
        let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        bytes.extend(noise);
        let (found, error, mut decoder) = feed(&bytes, &sizes);
        let (singly, same_error, _) = feed(&bytes, &[1]);
        prop_assert_eq!(error, same_error);
        prop_assert!(singly.starts_with(&found));
        prop_assert!(decoder.excerpt().len() <= EXCERPT_BYTES);
        if let Some(error) = error {
            prop_assert_eq!(decoder.push(b"more"), Err(error));
        }
    }

    #[test]
    fn any_payload_is_a_message_or_nothing(payload in vec(any::<u8>(), 0..300)) {
        drop(decode::<HostHello>(&payload));
        drop(decode::<PluginHello>(&payload));
        drop(decode::<Request>(&payload));
        drop(decode::<Response>(&payload));
        drop(decode::<Vec<Listed>>(&payload));
        drop(decode::<Log>(&payload));
    }

    #[test]
    fn the_protocol_and_the_engine_agree_on_names(name in "[0-9a-zA-Z./ -]{0,12}|[a.]{120,140}") {
        prop_assert_eq!(is_name(&name), check_name(&name).is_ok());
        prop_assert_eq!(is_prefix(&name), check_prefix(&name).is_ok());
    }
}
