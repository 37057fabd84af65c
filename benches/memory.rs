//! Prints how many bytes a session costs in memory.
//!
//! ```text
//! cargo bench --features testing --bench memory [-- sessions]
//! ```
//!
//! Counts everything that a million sessions add to the process: records, indexes, what is known of
//! each subject, and what the allocator rounds up. Linux only, where the process can read its own
//! resident size.

use std::{env, fs, hint::black_box};

use session_issuer::{
    client::ClientInfo,
    clock::Timestamp,
    id::{SubjectId, SubjectKey, TenantId},
    session::Epoch,
    store::{Inserted, MemoryStore, NewRecord, SessionStore},
    testing::{ManualClock, block_on, fixtures},
};

/// 111 characters.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    // Cargo adds `--bench`.
    let numbers =
        env::args().skip(1).filter(|text| !text.starts_with("--")).map(|text| text.parse());
    let numbers = numbers.collect::<Result<Vec<u32>, _>>()?;
    let sessions = numbers.first().copied().unwrap_or(1_000_000);
    // Each measurement has a process of its own: what one frees, the next would not see as growth.
    match numbers.get(1) {
        Some(per_subject) => measure(sessions, *per_subject),
        None => {
            for per_subject in ["1", "4"] {
                let program = env::current_exe()?;
                std::process::Command::new(program)
                    .args([&sessions.to_string(), per_subject])
                    .status()?;
            }
            Ok(())
        }
    }
}

fn measure(sessions: u32, per_subject: u32) -> Outcome {
    let Some(before) = resident_bytes() else {
        println!("not measurable here: /proc/self/status is missing");
        return Ok(());
    };
    let store = MemoryStore::new();
    for number in 0..sessions {
        add(&store, number, number / per_subject)?;
    }
    let after = resident_bytes().unwrap_or(before);
    let each = after.saturating_sub(before) / u64::from(sessions);
    println!(
        "{sessions} sessions, {per_subject} a subject, with user agent and ip: {each} bytes a session"
    );
    black_box(&store);
    Ok(())
}

fn add(store: &MemoryStore, number: u32, subject: u32) -> Outcome {
    let now = ManualClock::START;
    // As long as a UUID, which most hosts' subjects are.
    let subject = SubjectId::new(format!("{subject:08x}-0000-4000-8000-000000000000"))?;
    let key = SubjectKey::new(tenant(), subject.clone());
    let epoch: Epoch = block_on(store.stamp(&key, now))?.epoch;
    let address = std::net::Ipv4Addr::from_bits(number);
    let client = ClientInfo::new().with_user_agent(AGENT).with_ip(address.into());
    let born = Timestamp::from_millis(now.as_millis() + i64::from(number / 16));
    let record = fixtures::session()
        .tenant(tenant())
        .at(born)
        .subject(subject, epoch)
        .client(client)
        .build();
    let new = NewRecord::new(record, born);
    match block_on(store.insert(new))? {
        Inserted::Created { .. } => Ok(()),
        other => Err(format!("not created: {other:?}").into()),
    }
}

/// One tenant, shared by all, as an issuer's handle does.
fn tenant() -> TenantId {
    static TENANT: std::sync::OnceLock<TenantId> = std::sync::OnceLock::new();
    TENANT.get_or_init(TenantId::default).clone()
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
