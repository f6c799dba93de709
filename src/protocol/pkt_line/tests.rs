use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The packets of a stream, each as text, and how it ended; fed in the given pieces.
fn decode(pieces: &[&[u8]]) -> (Vec<String>, Result<(), PktLineError>) {
    let mut decoder = Decoder::new();
    let mut seen = Vec::new();
    for piece in pieces {
        decoder.feed(*piece);
        loop {
            match decoder.next() {
                Ok(Some(packet)) => seen.push(match packet {
                    Packet::Data(line) => line.escape_ascii().to_string(),
                    other => format!("{other:?}"),
                }),
                Ok(None) => break,
                Err(error) => return (seen, Err(error)),
            }
        }
    }
    (seen, decoder.finish())
}

fn check_every_split(stream: &[u8]) -> (Vec<String>, Result<(), PktLineError>) {
    let whole = decode(&[stream]);
    for at in 0..=stream.len() {
        assert_eq!(decode(&[&stream[..at], &stream[at..]]), whole, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(&bytes), whole, "byte by byte");
    whole
}

#[test]
fn a_stream_of_every_kind_reads_the_same_however_it_is_split() {
    let (seen, end) = check_every_split(b"0006a\n0005a000bfoobar\n00040001000200000009A\0\n\r\xff");
    assert_eq!(
        seen,
        [
            "a\\n",
            "a",
            "foobar\\n",
            "",
            "Delim",
            "ResponseEnd",
            "Flush",
            "A\\x00\\n\\r\\xff"
        ]
    );
    assert_eq!(end, Ok(()));
}

#[test]
fn fifty_malformed_lengths_are_refused() {
    let table = [
        "0003",
        "-001",
        "+005",
        " 005",
        "005 ",
        "0x05",
        "0X10",
        "x005",
        "g000",
        "000g",
        "00 5",
        "1e+1",
        "١٢",
        "zzzz",
        "fff1",
        "fff2",
        "ffff",
        "FFFF",
        "fFfF",
        "fff9",
        "\n000",
        "\0\0\0\0",
        "....",
        "<htm",
        "<!DO",
        "HTTP",
        "PACK",
        "ERR ",
        "# se",
        "vers",
        "want",
        "ACK ",
        "NAK\n",
        "\x1f~\x08\0",
        "{\"er",
        "true",
        "null",
        "0_05",
        "0.05",
        "00a:",
        "00/0",
        "00@0",
        "00G0",
        "00`0",
        "0\t05",
        "0,05",
        "\u{ff10}0",
        "OOOO",
        "l000",
        "deaz",
    ];
    let mut refused = 0;
    for text in table {
        let bytes = text.as_bytes();
        let found: [u8; 4] = bytes[..4].try_into().unwrap();
        let (seen, end) = check_every_split(&[bytes, b"000000000000"].concat());
        assert_eq!(
            (seen, end),
            (vec![], Err(PktLineError::BadLength { at: 0, found })),
            "{text:?}"
        );
        let (seen, end) = check_every_split(&[b"0005a", bytes, b"0000"].concat());
        assert_eq!(
            (seen.len(), end),
            (1, Err(PktLineError::BadLength { at: 5, found })),
            "{text:?}"
        );
        refused += 1;
    }
    assert!(refused >= 50, "{refused}");
}

#[test]
fn both_cases_of_hex_count_and_the_longest_packet_is_65520_bytes() {
    for length in ["fff0", "FFF0", "FfF0"] {
        let stream = [length.as_bytes(), &vec![b'x'; MAX_PAYLOAD]].concat();
        let mut decoder = Decoder::new();
        decoder.feed(stream);
        assert!(matches!(decoder.next(), Ok(Some(Packet::Data(line))) if line.len() == MAX_PAYLOAD));
        assert_eq!(decoder.finish(), Ok(()));
    }
}

#[test]
fn every_truncation_is_noticed() {
    let stream = b"000bfoobar\n00040009later";
    for length in 0..stream.len() {
        let (_, end) = decode(&[&stream[..length]]);
        let complete = [0, 11, 15].contains(&length);
        let at = if length > 15 { 15 } else { length.min(11) / 11 * 11 };
        let expected = if complete {
            Ok(())
        } else {
            Err(PktLineError::Truncated { at: at as u64 })
        };
        assert_eq!(end, expected, "{length} bytes");
    }
}

#[test]
fn a_broken_decoder_stays_broken() {
    let mut decoder = Decoder::new();
    decoder.feed(&b"0003"[..]);
    let error = decoder.next().unwrap_err();
    decoder.feed(&b"0005a"[..]);
    assert_eq!(decoder.next(), Err(error));
    assert_eq!(decoder.next_part(), Err(error));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn parts_come_as_they_arrive_and_say_where_packets_begin_and_end() {
    let stream = b"000bfoobar\n00040000";
    for size in 1..=stream.len() {
        let mut decoder = Decoder::new();
        let (mut text, mut packets, mut open) = (Vec::new(), 0, false);
        for piece in stream.chunks(size) {
            decoder.feed(piece);
            while let Some(part) = decoder.next_part().unwrap() {
                match part {
                    Part::Data { first, last, bytes } => {
                        assert_eq!(first, !open);
                        assert!(packets == 1 || !bytes.is_empty(), "only the empty packet is empty");
                        open = !last;
                        packets += usize::from(last);
                        text.extend_from_slice(bytes);
                    }
                    Part::Flush => assert_eq!((packets, open), (2, false)),
                    _ => panic!(),
                }
            }
        }
        assert_eq!((text.as_slice(), packets), (&b"foobar\n"[..], 2), "pieces of {size}");
        assert_eq!(decoder.finish(), Ok(()));
    }
}

#[test]
fn a_stream_that_ends_between_parts_is_truncated() {
    let mut decoder = Decoder::new();
    decoder.feed(&b"0009foo"[..]);
    assert!(matches!(decoder.next_part(), Ok(Some(Part::Data { last: false, .. }))));
    assert_eq!(decoder.finish(), Err(PktLineError::Truncated { at: 7 }));
}

#[test]
fn a_chunk_is_taken_over_without_a_copy() {
    let chunk = b"000bfoobar\n".to_vec();
    let at = chunk.as_ptr();
    let mut decoder = Decoder::new();
    decoder.feed(&b"0005a"[..]);
    decoder.next().unwrap();
    decoder.feed(chunk);
    let Ok(Some(Packet::Data(line))) = decoder.next() else {
        panic!()
    };
    assert_eq!(line.as_ptr(), at.wrapping_add(4));
}

#[test]
fn what_is_written_can_be_read() {
    let mut encoder = Encoder::new();
    encoder.line(&[b"want ", b"x"]).unwrap();
    encoder.data(b"").unwrap();
    encoder.delim();
    encoder.data(&vec![b'y'; MAX_PAYLOAD]).unwrap();
    assert_eq!(encoder.data(&vec![b'y'; MAX_PAYLOAD + 1]), Err(TooLong));
    encoder.flush();
    assert!(encoder.as_bytes().starts_with(b"000bwant x\n00040001fff0y"));
    let (seen, end) = decode(&[&encoder.into_bytes()]);
    assert_eq!((seen.len(), end), (5, Ok(())));
}

#[test]
fn one_line_end_is_chomped() {
    for (line, expected) in [
        ("a\n", "a"),
        ("a", "a"),
        ("a\n\n", "a\n"),
        ("\n", ""),
        ("", ""),
        ("a\r\n", "a\r"),
    ] {
        assert_eq!(chomp(line.as_bytes()), expected.as_bytes());
    }
}
