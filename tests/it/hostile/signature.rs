//! Signatures of every wrong length and value, for each algorithm: R01, R09.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::Digest;

use super::{
    make::*,
    row::{Keys, Row, SIGNATURE, SIGNATURE_LENGTH, Sheet},
};

pub fn rows(rows: &mut Vec<Row>) {
    for keys in [Keys::Hs256, Keys::Es256, Keys::EdDsa, Keys::Rs256] {
        if keys.are_known() {
            of_any_algorithm(rows, keys);
        }
    }
    of_hs256(rows);
    if Keys::Es256.are_known() {
        of_es256(rows);
    }
}

fn of_any_algorithm(rows: &mut Vec<Row>, keys: Keys) {
    let mut sheet = Sheet { rows, class: "signature", req: "R01 R09", keys };
    let whole = good(keys);
    let (input, last) = whole.rsplit_once('.').unwrap();
    let right = sign(keys, input.as_bytes());
    let length = right.len();
    sheet.good("right", whole.as_str());
    sheet.bad("none", format!("{input}."), SIGNATURE_LENGTH);
    let other = claiming(keys, &Payload::good().with("sub", r#""bob""#));
    let (other_input, other_signature) = other.rsplit_once('.').unwrap();
    sheet.bad("another token's", format!("{input}.{other_signature}"), SIGNATURE);
    sheet.bad("this one's, under other claims", format!("{other_input}.{last}"), SIGNATURE);
    let (head, body) = input.split_once('.').unwrap();
    let flipped = |at: usize, by: u8| {
        let mut bytes = right.clone();
        bytes[at] ^= by;
        bytes
    };
    for (name, bytes) in [
        ("its first byte", right[..1].to_vec()),
        ("half of it", right[..length / 2].to_vec()),
        ("all but its last byte", right[..length - 1].to_vec()),
        ("all but its first byte", right[1..].to_vec()),
        ("a zero behind it", [&right[..], &[0]].concat()),
        ("a zero in front of it", [&[0], &right[..]].concat()),
        ("another byte behind it", [&right[..], &[0x5a]].concat()),
        ("twice", [&right[..], &right[..]].concat()[..(2 * length).min(512)].to_vec()),
        ("one bit of its first byte", flipped(0, 0x80)),
        ("one bit of its last byte", flipped(length - 1, 1)),
        ("one bit of its middle", flipped(length / 2, 0x10)),
        ("back to front", right.iter().rev().copied().collect()),
        ("its halves swapped", [&right[length / 2..], &right[..length / 2]].concat()),
        ("its complement", right.iter().map(|byte| !byte).collect()),
        ("all zero", vec![0; length]),
        ("all 0xff", vec![0xff; length]),
        ("a single zero", vec![0]),
        ("32 zeros", vec![0; 32]),
        ("64 zeros", vec![0; 64]),
        (
            "in hex",
            right.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).take(512).collect(),
        ),
        ("in base64url once more", encode(&right).into_bytes().into_iter().take(512).collect()),
        ("over the payload alone", sign(keys, body.as_bytes())),
        ("over the header alone", sign(keys, head.as_bytes())),
        ("over both without the dot", sign(keys, format!("{head}{body}").as_bytes())),
        ("over both and one more dot", sign(keys, format!("{input}.").as_bytes())),
        ("over what both decode to", sign(keys, &decoded(head, body))),
        ("over nothing", sign(keys, b"")),
        ("over the hash", sign(keys, &sha2::Sha256::digest(input))),
    ] {
        if bytes != right {
            sheet.bad(name, format!("{input}.{}", encode(bytes)), SIGNATURE);
        }
    }
}

fn decoded(head: &str, body: &str) -> Vec<u8> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    [decode(head), b".".to_vec(), decode(body)].concat()
}

fn of_hs256(rows: &mut Vec<Row>) {
    use hmac::{Hmac, KeyInit, Mac};
    let keys = Keys::Hs256;
    let mut sheet = Sheet { rows, class: "signature-hs256", req: "R01 R15", keys };
    let whole = good(keys);
    let input = whole.rsplit_once('.').unwrap().0;
    let key = crate::world::secret(2);
    sheet.good("under the key", whole.as_str());
    let right = hmac(&key, input.as_bytes());
    let mut sha384 = Hmac::<sha2::Sha384>::new_from_slice(&key).unwrap();
    let mut sha512 = Hmac::<sha2::Sha512>::new_from_slice(&key).unwrap();
    sha384.update(input.as_bytes());
    sha512.update(input.as_bytes());
    let (sha384, sha512) = (sha384.finalize().into_bytes(), sha512.finalize().into_bytes());
    for (name, bytes) in [
        ("cut to 128 bits", right[..16].to_vec()),
        ("cut to 64 bits", right[..8].to_vec()),
        ("cut to 248 bits", right[..31].to_vec()),
        ("by SHA-384", sha384.to_vec()),
        ("by SHA-384, cut to 256 bits", sha384[..32].to_vec()),
        ("by SHA-512", sha512.to_vec()),
        ("by SHA-512, cut to 256 bits", sha512[..32].to_vec()),
        ("under no key", hmac(b"", input.as_bytes())),
        ("under zeros", hmac(&[0; 32], input.as_bytes())),
        ("under the id", hmac(b"k1", input.as_bytes())),
        ("under the key without its last byte", hmac(&key[..47], input.as_bytes())),
        ("under the key as base64url", hmac(encode(&key).as_bytes(), input.as_bytes())),
        ("under \"secret\"", hmac(b"secret", input.as_bytes())),
        (
            "a bare hash of key and text",
            sha2::Sha256::digest([&key[..], input.as_bytes()].concat()).to_vec(),
        ),
        ("a bare hash of the text", sha2::Sha256::digest(input).to_vec()),
    ] {
        sheet.bad(name, format!("{input}.{}", encode(bytes)), SIGNATURE);
    }
}

/// The order of P-256.
pub const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn of_es256(rows: &mut Vec<Row>) {
    let keys = Keys::Es256;
    let mut sheet = Sheet { rows, class: "signature-es256", req: "R01 R09 R19", keys };
    let whole = good(keys);
    let input = whole.rsplit_once('.').unwrap().0;
    let right = sign(keys, input.as_bytes());
    let (r, s) = right.split_at(32);
    let (zero, mut one, n) = ([0; 32], [0; 32], P256_ORDER);
    one[31] = 1;
    let mut n_less = n;
    n_less[31] -= 1;
    let mut n_more = n;
    n_more[31] += 1;
    // ECDSA takes the other s as well: a second text of the same token. No token is known by its
    // text here.
    sheet.good("the other s", format!("{input}.{}", encode([r, &minus(s)].concat())));
    for (name, r, s) in [
        ("r and s zero (CVE-2022-21449)", &zero[..], &zero[..]),
        ("r zero", &zero, s),
        ("s zero", r, &zero),
        ("r and s one", &one, &one),
        ("r one", &one, s),
        ("s one", r, &one),
        ("r zero, s one", &zero, &one),
        ("r one, s zero", &one, &zero),
        ("r and s the order", &n, &n),
        ("r the order", &n, s),
        ("s the order", r, &n),
        ("r the order less one", &n_less, s),
        ("s the order less one", r, &n_less),
        ("r the order and one", &n_more, s),
        ("s the order and one", r, &n_more),
        ("r and s swapped", s, r),
        ("r twice", r, r),
        ("s twice", s, s),
    ] {
        sheet.bad(name, format!("{input}.{}", encode([r, s].concat())), SIGNATURE);
    }
    let wide = |part: &[u8], bytes: usize| [vec![0; bytes - 32], part.to_vec()].concat();
    let der = der(r, s);
    for (name, bytes) in [
        ("DER", der.clone()),
        ("DER, long form of its length", [&[0x30, 0x81], &der[1..]].concat()),
        ("DER, and zeros behind it", [&der[..], &[0; 2]].concat()),
        ("as wide as P-384", [wide(r, 48), wide(s, 48)].concat()),
        ("as wide as P-521", [wide(r, 66), wide(s, 66)].concat()),
        ("r and s of 33 bytes", [wide(r, 33), wide(s, 33)].concat()),
        ("a recovery id behind it", [&right[..], &[1]].concat()),
        ("a recovery id in front of it", [&[27], &right[..]].concat()),
        ("r alone", r.to_vec()),
        ("little-endian", r.iter().rev().chain(s.iter().rev()).copied().collect()),
    ] {
        sheet.bad(name, format!("{input}.{}", encode(bytes)), SIGNATURE);
    }
    use p256::ecdsa::{Signature, signature::hazmat::PrehashSigner};
    let by = |hash: &[u8]| {
        let signature: Signature = es256().sign_prehash(hash).unwrap();
        encode(signature.to_bytes())
    };
    sheet.bad("over SHA-384", format!("{input}.{}", by(&sha2::Sha384::digest(input))), SIGNATURE);
    sheet.bad("over SHA-512", format!("{input}.{}", by(&sha2::Sha512::digest(input))), SIGNATURE);
}

/// The order less this number.
fn minus(number: &[u8]) -> [u8; 32] {
    let (mut result, mut borrow) = (P256_ORDER, 0);
    for (byte, take) in result.iter_mut().zip(number).rev() {
        let difference = i16::from(*byte) - i16::from(*take) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    result
}

/// SEQUENCE of two INTEGERs.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign = if number[0] >= 0x80 { vec![0] } else { Vec::new() };
        let length = u8::try_from(number.len() + sign.len()).unwrap();
        [vec![2, length], sign, number.to_vec()].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}
