//! RSA signatures that no signer makes: padding faults of PKCS #1 v1.5, PSS, and numbers above the
//! modulus.

use base64::{Engine, engine::general_purpose::STANDARD};
use pkcs8::{PrivateKeyInfoRef, der::Decode};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{
    make::*,
    row::{Keys, Row, SIGNATURE, Sheet},
};

/// What stands before a SHA-256 hash in PKCS #1 v1.5: SEQUENCE, SEQUENCE, the hash's OID, NULL,
/// OCTET STRING.
const SHA256_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];

pub fn rows(rows: &mut Vec<Row>) {
    let keys = Keys::Rs256;
    let mut sheet = Sheet { rows, class: "signature-rs256", req: "R01 R18", keys };
    let whole = good(keys);
    let input = whole.rsplit_once('.').unwrap().0;
    let right = sign(keys, input.as_bytes());
    let raw = Raw::new();
    let hash = Sha256::digest(input).to_vec();
    let padded = |before: &[u8], fill: u8, info: &[u8], hash: &[u8], behind: &[u8]| {
        let rest = [&[0], info, hash, behind].concat();
        let mut block = before.to_vec();
        block.resize(256 - rest.len(), fill);
        [block, rest].concat()
    };
    let info = &SHA256_INFO[..];
    assert_eq!(
        raw.power(&padded(&[0, 1], 0xff, info, &hash, &[])),
        right,
        "the arithmetic is that of the key"
    );
    let mut gap = padded(&[0, 1], 0xff, info, &hash, &[]);
    gap[100] = 0;
    let mut bent = padded(&[0, 1], 0xff, info, &hash, &[]);
    bent[100] = 0xfe;
    let without_null = [&[0x30, 0x2f, 0x30, 0x0b], &info[4..15], &[4, 0x20]].concat();
    let long_form = [&[0x30, 0x81, 0x31], &info[2..]].concat();
    let of = |second: u8, info: &[u8], last: u8| {
        let mut info = info.to_vec();
        (info[1], info[14], info[18]) = (second, last, second - 17);
        info
    };
    let short = [&[0, 1][..], &[0xff; 8], &[0], info, &hash].concat();
    let short = [short.clone(), vec![0x5a; 256 - short.len()]].concat();
    for (name, block) in [
        ("block type 0", padded(&[0, 0], 0, info, &hash, &[])),
        ("block type 2", padded(&[0, 2], 0xff, info, &hash, &[])),
        ("no zero in front", padded(&[1], 0xff, info, &hash, &[])),
        ("filled with zeros", padded(&[0, 1], 0, info, &hash, &[])),
        ("filled with something else", padded(&[0, 1], 0x5a, info, &hash, &[])),
        ("one byte of the filling bent", bent),
        ("a zero in the filling", gap),
        ("8 bytes of filling, and rubbish behind the hash (CVE-2006-4339)", short),
        ("a byte behind the hash", padded(&[0, 1], 0xff, info, &hash, &[0])),
        ("no name of the hash", padded(&[0, 1], 0xff, &[], &hash, &[])),
        ("the name without its NULL", padded(&[0, 1], 0xff, &without_null, &hash, &[])),
        ("the long form of a length", padded(&[0, 1], 0xff, &long_form, &hash, &[])),
        ("named SHA-384 over SHA-256", padded(&[0, 1], 0xff, &of(0x31, info, 2), &hash, &[])),
        ("SHA-384", padded(&[0, 1], 0xff, &of(0x41, info, 2), &Sha384::digest(input), &[])),
        ("SHA-512", padded(&[0, 1], 0xff, &of(0x51, info, 3), &Sha512::digest(input), &[])),
        ("the hash of something else", padded(&[0, 1], 0xff, info, &Sha256::digest("else"), &[])),
        ("PSS without salt", pss(&hash, b"")),
        ("PSS with a salt of 32 bytes", pss(&hash, &[7; 32])),
        ("the hash alone", [vec![0; 224], hash.clone()].concat()),
    ] {
        sheet.bad(name, format!("{input}.{}", encode(raw.power(&block))), SIGNATURE);
    }
    let block = padded(&[0, 1], 0xff, info, &hash, &[]);
    let mut one = vec![0; 256];
    one[255] = 1;
    for (name, bytes) in [
        ("the padded hash, not signed", block),
        ("zero", vec![0; 256]),
        ("one", one),
        ("the modulus", raw.modulus()),
        ("the modulus less one", raw.modulus_less_one()),
        ("512 bytes", [vec![0; 256], right.clone()].concat()),
    ] {
        sheet.bad(name, format!("{input}.{}", encode(bytes)), SIGNATURE);
    }
    // One signature in twelve is small enough for the modulus to be added to it.
    let (input, signature, sum) = (0..1000)
        .find_map(|n| {
            let token = claiming(keys, &Payload::good().with("n", n));
            let (input, signature) = token.rsplit_once('.').unwrap();
            let sum = raw.plus_modulus(&sign(keys, input.as_bytes()))?;
            Some((input.to_owned(), signature.to_owned(), sum))
        })
        .unwrap();
    sheet.good("small", format!("{input}.{signature}"));
    sheet.bad("small, with the modulus added", format!("{input}.{}", encode(sum)), SIGNATURE);
}

/// EMSA-PSS (RFC 8017 section 9.1) of 2047 bits.
fn pss(hash: &[u8], salt: &[u8]) -> Vec<u8> {
    let inner = Sha256::new().chain_update([0; 8]).chain_update(hash).chain_update(salt).finalize();
    let mut db = vec![0; 256 - 33 - salt.len() - 1];
    db.push(1);
    db.extend_from_slice(salt);
    for (at, block) in db.chunks_mut(32).enumerate() {
        let counter = u32::try_from(at).unwrap().to_be_bytes();
        let mask = Sha256::new().chain_update(inner).chain_update(counter).finalize();
        block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    db[0] &= 0x7f;
    [&db[..], &inner, &[0xbc]].concat()
}

/// The private operation by itself, by Montgomery's multiplication in 32-bit limbs. Slow, leaky,
/// and for tests alone.
struct Raw {
    n: Vec<u32>,
    d: Vec<u8>,
    /// -1 / n modulo 2^32.
    inverse: u32,
}

impl Raw {
    fn new() -> Self {
        let body: String = rsa_pem().lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        let info = PrivateKeyInfoRef::from_der(&der).unwrap();
        let key = pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).unwrap();
        let n = limbs(key.modulus.as_bytes());
        let inverse =
            (0..5).fold(1_u32, |x, _| x.wrapping_mul(2_u32.wrapping_sub(n[0].wrapping_mul(x))));
        Self { d: key.private_exponent.as_bytes().to_vec(), inverse: inverse.wrapping_neg(), n }
    }

    fn power(&self, block: &[u8]) -> Vec<u8> {
        // 2^4096 mod n, by doubling one.
        let mut unit = vec![0; 64];
        unit[0] = 1;
        for _ in 0..4096 {
            unit = self.doubled(&unit);
        }
        let mut one = vec![0; 64];
        one[0] = 1;
        let base = self.times(&limbs(block), &unit);
        let mut power = self.times(&one, &unit);
        for bit in self.d.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
            power = self.times(&power, &power);
            if bit == 1 {
                power = self.times(&power, &base);
            }
        }
        bytes(&self.times(&power, &one))
    }

    /// a b / 2^2048 mod n.
    fn times(&self, a: &[u32], b: &[u32]) -> Vec<u32> {
        let mut sum = vec![0_u32; 66];
        for a in a {
            let m = sum[0].wrapping_add(a.wrapping_mul(b[0])).wrapping_mul(self.inverse);
            let (mut first, mut second) = (0_u64, 0_u64);
            for at in 0..64 {
                first += u64::from(sum[at]) + u64::from(*a) * u64::from(b[at]);
                second += (first & 0xffff_ffff) + u64::from(m) * u64::from(self.n[at]);
                if at > 0 {
                    sum[at - 1] = low(second);
                }
                (first, second) = (first >> 32, second >> 32);
            }
            let top = u64::from(sum[64]) + first + second;
            (sum[63], sum[64]) = (low(top), low(top >> 32));
        }
        let (high, rest) = (sum[64], sum[..64].to_vec());
        if high > 0 || !less(&rest, &self.n) { minus(&rest, &self.n) } else { rest }
    }

    fn doubled(&self, number: &[u32]) -> Vec<u32> {
        let carry = number[63] >> 31;
        let mut twice: Vec<u32> = number.iter().map(|limb| limb << 1).collect();
        (1..64).for_each(|at| twice[at] |= number[at - 1] >> 31);
        if carry > 0 || !less(&twice, &self.n) { minus(&twice, &self.n) } else { twice }
    }

    fn modulus(&self) -> Vec<u8> {
        bytes(&self.n)
    }

    fn modulus_less_one(&self) -> Vec<u8> {
        let mut one = vec![0; 64];
        one[0] = 1;
        bytes(&minus(&self.n, &one))
    }

    /// None where it does not fit into as many bytes.
    fn plus_modulus(&self, number: &[u8]) -> Option<Vec<u8>> {
        let (mut sum, mut carry) = (limbs(number), 0);
        for (limb, n) in sum.iter_mut().zip(&self.n) {
            let of = u64::from(*limb) + u64::from(*n) + carry;
            (*limb, carry) = (low(of), of >> 32);
        }
        (carry == 0).then(|| bytes(&sum))
    }
}

fn low(number: u64) -> u32 {
    u32::try_from(number & 0xffff_ffff).unwrap()
}

/// The lowest first.
fn limbs(bytes: &[u8]) -> Vec<u32> {
    bytes
        .rchunks(4)
        .map(|four| four.iter().fold(0, |limb, byte| limb << 8 | u32::from(*byte)))
        .collect()
}

fn bytes(limbs: &[u32]) -> Vec<u8> {
    limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
}

fn less(a: &[u32], b: &[u32]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn minus(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut borrow = 0;
    let one = |(a, b): (&u32, &u32)| {
        let difference = i64::from(*a) - i64::from(*b) - borrow;
        borrow = i64::from(difference < 0);
        u32::try_from(difference.rem_euclid(1 << 32)).unwrap()
    };
    a.iter().zip(b).map(one).collect()
}
