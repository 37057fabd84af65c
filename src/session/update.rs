//! The update rule: what a session becomes when somebody asks for a change of it.
//!
//! - An impersonation proves nothing.
//! - A subject, once set, never changes. A challenge is answered once.
//! - A proof starts the session's lifetime anew; naming the subject once more proves nothing.
//! - A lifetime that is asked for may always be shorter than what is left. It may be longer up to
//!   the longest that the policy allows, counted from the last proof or from the session's birth:
//!   so no row of updates goes past it.
//! - An access token is a proof for a short time, and buys no longer life.
//! - A session that has proved too little gets no more than a beginning's lifetime.
//!
//! What a change does to generation and version, and that one which changes nothing is none, is in
//! `change`. `model` searches both.

use std::time::Duration;

use super::{
    beginning::{beginning_lifetime, is_beginning},
    birth::Lifetime,
    change::SessionChange,
    check::counting,
    life::SubjectStamp,
    record::{Record, Session},
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    epoch::Epoch,
    error::{InputField, InvalidInput, Problem},
    factor::{Challenge, Factor, FactorKind, authenticated_at},
    id::SubjectId,
    metadata::{HostClaims, Metadata},
    policy::{AbsoluteLifetime, Policy},
};

/// What a call asks for, once its checks have passed.
///
/// It is applied to the record as that then is, and again after every race that the call loses.
#[derive(Default)]
pub(crate) struct Wish {
    /// An access token asks, and neither a session token nor the host.
    pub(crate) by_access_token: bool,
    pub(crate) proofs: Proofs,
    /// New challenges; each takes its kind's slot.
    pub(crate) challenges: Vec<Challenge>,
    /// Entries of the metadata to set; an empty value removes one.
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    /// The host's claims as they shall be.
    pub(crate) claims: Option<HostClaims>,
    pub(crate) client: Option<ClientInfo>,
    pub(crate) lifetime: LifetimeChange,
}

/// What a call has proved.
#[derive(Default)]
pub(crate) struct Proofs {
    /// The subject that the call named.
    pub(crate) subject: Option<SubjectId>,
    /// The subject's epoch, read before anything was verified.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) factors: Vec<Factor>,
    /// The challenges that were used up.
    pub(crate) answered: Vec<Challenge>,
    /// The subject has set up a second factor.
    pub(crate) second_factor: bool,
    /// Who owns the subject, where the directory says so.
    pub(crate) resource_owner: Option<String>,
}

impl Proofs {
    /// True when something but the subject's name was proved.
    pub(crate) fn authenticate(&self) -> bool {
        self.factors.iter().any(|factor| factor.kind() != FactorKind::Subject)
    }
}

/// What an update does to a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LifetimeChange {
    /// Nothing, unless something is proved: then the lifetime starts anew.
    #[default]
    Keep,
    /// Nothing, whatever is proved.
    KeepEnd,
    /// The session ends this long from now on.
    Set(Duration),
    /// The session has no end.
    Clear,
}

/// Why an update is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpdateRefusal {
    /// The record is no session.
    NotASession,
    /// Who acts in another's place proves nothing about that other.
    ImpersonationRefused,
    /// The session has another subject than the call names.
    SubjectChange,
    /// Another call has used up the challenge of this kind, or put a newer one in its place.
    ChallengeMissing(FactorKind),
    /// A value breaks a rule.
    Invalid(InvalidInput),
}

impl From<InvalidInput> for UpdateRefusal {
    fn from(input: InvalidInput) -> Self {
        Self::Invalid(input)
    }
}

/// Decides, before anything is verified, whether a session may be asked for this change at all.
///
/// No proof makes good what is refused here, so no check shall be used up for it.
pub(crate) fn decide_attempt(
    record: &Record,
    policy: &Policy,
    proves: bool,
    lifetime: LifetimeChange,
) -> Result<(), UpdateRefusal> {
    let session = record.session().ok_or(UpdateRefusal::NotASession)?;
    if session.is_impersonation() {
        return if proves { Err(UpdateRefusal::ImpersonationRefused) } else { Ok(()) };
    }
    if let LifetimeChange::Set(asked) = lifetime {
        policy.lifetime(Some(asked))?;
    }
    Ok(())
}

/// Decides what a session becomes.
pub(crate) fn decide_update(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    now: Timestamp,
    policy: &Policy,
    wish: &Wish,
) -> Result<SessionChange, UpdateRefusal> {
    let session = record.session().ok_or(UpdateRefusal::NotASession)?;
    let proofs = &wish.proofs;
    if let (Some(known), Some(named)) = (session.subject(), &proofs.subject)
        && known != named
    {
        return Err(UpdateRefusal::SubjectChange);
    }
    for answered in &proofs.answered {
        if session.challenge(answered.kind()) != Some(answered) {
            return Err(UpdateRefusal::ChallengeMissing(answered.kind()));
        }
    }
    let counting = counting(session, stamp);
    let is_beginning = is_beginning(proofs.second_factor, &counting, &proofs.factors);
    let lasting = Lasting { record, session, counting: &counting, is_beginning, now, policy, wish };
    let bind = match (session.subject(), &proofs.subject) {
        (None, Some(subject)) => proofs.epoch.map(|epoch| (subject.clone(), epoch)),
        _ => None,
    };
    Ok(SessionChange {
        bind,
        factors: proofs.factors.clone(),
        answered: proofs.answered.clone(),
        challenges: wish.challenges.clone(),
        lifetime: lasting.asked()?,
        metadata: merged(session, &wish.metadata)?,
        claims: wish.claims.clone(),
        client: wish.client.clone(),
        resource_owner: proofs.resource_owner.clone(),
        // A name that is given late makes no more than a beginning, either.
        shortened: match proofs.factors.is_empty() {
            true => None,
            false => beginning_lifetime(policy, is_beginning, None),
        },
        renewed: lasting.renewed(),
    })
}

/// The metadata with these entries set; none where nothing is set.
fn merged(
    session: &Session,
    entries: &[(String, Vec<u8>)],
) -> Result<Option<Metadata>, InvalidInput> {
    if entries.is_empty() {
        return Ok(None);
    }
    let mut merged = session.metadata().clone();
    for (key, value) in entries {
        merged.set(key, value)?;
    }
    Ok(Some(merged))
}

/// How long a session lasts after an update: what this is judged by.
struct Lasting<'a> {
    record: &'a Record,
    session: &'a Session,
    /// The proofs that count, without those of the call.
    counting: &'a [Factor],
    is_beginning: bool,
    now: Timestamp,
    policy: &'a Policy,
    wish: &'a Wish,
}

impl Lasting<'_> {
    /// The lifetime that the call asks for, if it may have it.
    fn asked(&self) -> Result<Option<Lifetime>, InvalidInput> {
        match self.wish.lifetime {
            LifetimeChange::Keep | LifetimeChange::KeepEnd => Ok(None),
            LifetimeChange::Set(asked) => match self.may_last(asked)? {
                true => Ok(Some(Lifetime::After(asked))),
                false => Err(InvalidInput::new(InputField::Lifetime, Problem::TooLarge)),
            },
            LifetimeChange::Clear => match self.may_be_endless() {
                true => Ok(Some(Lifetime::Unlimited)),
                false => Err(InvalidInput::new(InputField::Lifetime, Problem::TooLarge)),
            },
        }
    }

    /// True when the session may last this long from now on.
    fn may_last(&self, asked: Duration) -> Result<bool, InvalidInput> {
        let is_impersonation = self.session.is_impersonation();
        let longest = match is_impersonation {
            true => {
                self.policy.impersonation(Some(asked))?;
                Some(self.policy.longest_impersonation)
            }
            false => {
                self.policy.lifetime(Some(asked))?;
                let longest = self.policy.longest_lifetime_of_all();
                beginning_lifetime(self.policy, self.is_beginning, longest).or(longest)
            }
        };
        let left = self.session.ends_at().unwrap_or(Timestamp::MAX);
        if self.now.saturating_add(asked) <= left {
            return Ok(true);
        }
        let proves = self.wish.proofs.authenticate();
        let since = match authenticated_at(self.counting) {
            _ if proves => self.now,
            Some(at) if !is_impersonation => at,
            _ => self.record.created_at(),
        };
        let fits =
            longest.is_none_or(|longest| asked.saturating_add(self.now.since(since)) <= longest);
        Ok(fits && (proves || !self.wish.by_access_token))
    }

    /// True when the session may have no end: under a policy that knows such sessions, and if it
    /// has proved enough.
    fn may_be_endless(&self) -> bool {
        self.policy.absolute == AbsoluteLifetime::Unlimited
            && self.policy.longest.is_none()
            && !self.session.is_impersonation()
            && !self.wish.by_access_token
            && beginning_lifetime(self.policy, self.is_beginning, None).is_none()
    }

    /// The lifetime that a proof starts anew: the one that the session was given, as far as the
    /// policy still allows it.
    fn renewed(&self) -> Option<Lifetime> {
        // Under a single-factor lifetime a proof always starts it: the end so far may be that of a
        // beginning.
        if self.wish.lifetime == LifetimeChange::KeepEnd
            && self.policy.single_factor_lifetime.is_none()
        {
            return None;
        }
        let longest = self.policy.longest_lifetime_of_all();
        let given = match self.session.lifetime() {
            Some(given) => Some(longest.map_or(given, |longest| given.min(longest))),
            None => self.policy.absolute.as_duration(),
        };
        let renewed = beginning_lifetime(self.policy, self.is_beginning, given).or(given);
        Some(renewed.map_or(Lifetime::Unlimited, Lifetime::After))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            birth::SessionBirth,
            life::FactorFloor,
            sample::{
                BORN, KEY, after, birth, bound, impersonation, of_flow_c, proof, stamp, subject,
            },
        },
        *,
    };

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    const TOO_LONG: UpdateRefusal = UpdateRefusal::Invalid(InvalidInput {
        field: InputField::Lifetime,
        problem: Problem::TooLarge,
    });

    /// Sessions of a day, which may ask for three.
    fn policy() -> Policy {
        Policy::default()
            .absolute_lifetime(AbsoluteLifetime::After(DAY))
            .longest_lifetime(3 * DAY)
            .idle_timeout(None)
    }

    fn session() -> Record {
        Record::new_session(birth(&policy()))
    }

    fn lasting(lifetime: Duration) -> Wish {
        Wish { lifetime: LifetimeChange::Set(lifetime), ..Wish::default() }
    }

    fn proving(kind: FactorKind, now: Timestamp) -> Proofs {
        Proofs { factors: vec![proof(kind, now)], ..Proofs::default() }
    }

    fn decide(
        record: &Record,
        now: Timestamp,
        wish: &Wish,
    ) -> Result<SessionChange, UpdateRefusal> {
        decide_update(record, Some(&stamp()), now, &policy(), wish)
    }

    /// The record after an update; none where nothing changes.
    fn updated(record: &Record, now: Timestamp, policy: &Policy, wish: &Wish) -> Option<Record> {
        let change = decide_update(record, Some(&stamp()), now, policy, wish).unwrap();
        record.updated(change, now, KEY)
    }

    /// When a session ends after an update that changes it.
    fn end_after(record: &Record, now: Timestamp, wish: &Wish) -> Option<Timestamp> {
        end_of(&updated(record, now, &policy(), wish).unwrap())
    }

    fn end_of(record: &Record) -> Option<Timestamp> {
        record.session().unwrap().ends_at()
    }

    #[test]
    fn a_lifetime_may_be_longer_up_to_the_longest_from_the_sessions_birth() {
        let longest = lasting(2 * DAY + DAY / 2);
        assert_eq!(end_after(&session(), after(DAY / 2), &longest), Some(after(3 * DAY)));
        let too_long = 2 * DAY + DAY / 2 + Duration::from_millis(1);
        assert_eq!(decide(&session(), after(DAY / 2), &lasting(too_long)).err(), Some(TOO_LONG));
    }

    #[test]
    fn a_lifetime_may_be_longer_up_to_the_longest_from_the_last_proof() {
        let factors = vec![proof(FactorKind::Password, after(DAY / 4))];
        let record = Record::new_session(SessionBirth { factors, ..birth(&policy()) });
        let now = after(DAY / 2);
        let longest = lasting(3 * DAY - DAY / 4);
        assert_eq!(end_after(&record, now, &longest), Some(after(3 * DAY + DAY / 4)));
        assert_eq!(decide(&record, now, &lasting(3 * DAY)).err(), Some(TOO_LONG));
        // A proof of the call itself counts from now.
        let proofs = proving(FactorKind::Password, now);
        let proving = Wish { proofs, ..lasting(3 * DAY) };
        assert_eq!(end_after(&record, now, &proving), Some(after(3 * DAY + DAY / 2)));
        // One that no longer counts does not: the birth does.
        let mut changed = stamp();
        changed.raise_floor(FactorFloor::new(FactorKind::Password, now));
        let wish = lasting(3 * DAY - DAY / 4);
        let refusal = decide_update(&record, Some(&changed), now, &policy(), &wish);
        assert_eq!(refusal.err(), Some(TOO_LONG));
    }

    #[test]
    fn a_name_alone_does_not_count_as_a_proof_that_lengthens() {
        let now = after(DAY / 2);
        let proofs = proving(FactorKind::Subject, now);
        assert_eq!(
            decide(&session(), now, &Wish { proofs, ..lasting(3 * DAY) }).err(),
            Some(TOO_LONG)
        );
    }

    #[test]
    fn an_access_token_shortens_and_does_not_lengthen_unless_it_proves() {
        let now = after(DAY / 2);
        let by = |wish| Wish { by_access_token: true, ..wish };
        assert_eq!(end_after(&session(), now, &by(lasting(DAY / 2))), Some(after(DAY)));
        let longer = DAY / 2 + Duration::from_millis(1);
        assert_eq!(decide(&session(), now, &by(lasting(longer))).err(), Some(TOO_LONG));
        let proofs = proving(FactorKind::Totp, now);
        let proving = by(Wish { proofs, ..lasting(longer) });
        assert_eq!(end_after(&session(), now, &proving), Some(after(DAY / 2 + longer)));
    }

    #[test]
    fn a_lifetime_out_of_range_is_refused_even_where_it_shortens() {
        let zero = UpdateRefusal::Invalid(InvalidInput {
            field: InputField::Lifetime,
            problem: Problem::Zero,
        });
        assert_eq!(decide(&session(), BORN, &lasting(Duration::ZERO)).err(), Some(zero));
        for proves in [false, true] {
            let set = |lifetime| LifetimeChange::Set(lifetime);
            let asked = |lifetime| decide_attempt(&session(), &policy(), proves, set(lifetime));
            assert_eq!(asked(Duration::ZERO), Err(zero));
            assert_eq!(asked(3 * DAY + Duration::from_millis(1)), Err(TOO_LONG));
            assert_eq!(asked(3 * DAY), Ok(()));
        }
    }

    #[test]
    fn an_impersonation_proves_nothing_and_lasts_no_longer_than_its_own_longest_from_its_birth() {
        let policy = policy().impersonation_lifetime(HOUR, 2 * HOUR);
        let record = impersonation(&policy);
        let keep = LifetimeChange::Keep;
        let refused = Err(UpdateRefusal::ImpersonationRefused);
        assert_eq!(decide_attempt(&record, &policy, true, keep), refused);
        assert_eq!(decide_attempt(&record, &policy, false, LifetimeChange::Set(9 * DAY)), Ok(()));
        let lasts = |lifetime| {
            decide_update(&record, Some(&stamp()), after(HOUR / 2), &policy, &lasting(lifetime))
                .err()
        };
        assert_eq!(lasts(HOUR + HOUR / 2), None);
        assert_eq!(lasts(HOUR + HOUR / 2 + Duration::from_millis(1)), Some(TOO_LONG));
    }

    #[test]
    fn only_a_policy_of_endless_sessions_takes_an_end_away() {
        let clear = || Wish { lifetime: LifetimeChange::Clear, ..Wish::default() };
        let endless = Policy::zitadel();
        let given = SessionBirth { lifetime: Some(DAY), ..birth(&endless) };
        let record = Record::new_session(given);
        let cleared = updated(&record, after(HOUR), &endless, &clear()).unwrap();
        assert_eq!(end_of(&cleared), None);
        let by_access_token = Wish { by_access_token: true, ..clear() };
        let beginning =
            Wish { proofs: Proofs { second_factor: true, ..Proofs::default() }, ..clear() };
        let single = endless.clone().single_factor_lifetime(HOUR);
        for (policy, record, wish) in [
            (policy(), session(), clear()),
            (endless.clone().longest_lifetime(9 * DAY), record.clone(), clear()),
            (endless.clone(), impersonation(&endless), clear()),
            (endless, record.clone(), by_access_token),
            (single, record, beginning),
        ] {
            let refusal = decide_update(&record, Some(&stamp()), after(HOUR), &policy, &wish);
            assert_eq!(refusal.err(), Some(TOO_LONG));
        }
    }

    #[test]
    fn a_proof_starts_the_lifetime_that_the_session_was_given_anew() {
        let now = after(HOUR);
        let proofs = || proving(FactorKind::Totp, now);
        let proved = |record: &Record, policy: &Policy, lifetime| {
            end_of(
                &updated(
                    record,
                    now,
                    policy,
                    &Wish { proofs: proofs(), lifetime, ..Wish::default() },
                )
                .unwrap(),
            )
        };
        let long =
            Record::new_session(SessionBirth { lifetime: Some(3 * DAY), ..birth(&policy()) });
        assert_eq!(
            proved(&session(), &policy(), LifetimeChange::Keep),
            Some(now.saturating_add(DAY))
        );
        assert_eq!(
            proved(&long, &policy(), LifetimeChange::Keep),
            Some(now.saturating_add(3 * DAY))
        );
        assert_eq!(proved(&session(), &policy(), LifetimeChange::KeepEnd), Some(after(DAY)));
        // As far as the policy still allows it.
        let stricter = policy().longest_lifetime(2 * DAY);
        assert_eq!(
            proved(&long, &stricter, LifetimeChange::Keep),
            Some(now.saturating_add(2 * DAY))
        );
    }

    #[test]
    fn what_has_proved_too_little_gets_no_more_than_a_beginnings_lifetime() {
        let policy = policy().single_factor_lifetime(HOUR);
        let now = after(HOUR / 2);
        let of = |kind| Proofs { second_factor: true, ..proving(kind, now) };
        let proved = |wish: Wish| end_of(&updated(&session(), now, &policy, &wish).unwrap());
        let password = || Wish { proofs: of(FactorKind::Password), ..Wish::default() };
        assert_eq!(proved(password()), Some(now.saturating_add(HOUR)));
        // Keeping the end does not keep one that is too late.
        let keeping = Wish { lifetime: LifetimeChange::KeepEnd, ..password() };
        assert_eq!(proved(keeping), Some(now.saturating_add(HOUR)));
        // A name that is given late makes no more, either.
        let named = Wish { proofs: of(FactorKind::Subject), ..Wish::default() };
        assert_eq!(proved(named), Some(now.saturating_add(HOUR)));
        let both = vec![proof(FactorKind::Password, now), proof(FactorKind::Totp, now)];
        let proofs = Proofs { factors: both, second_factor: true, ..Proofs::default() };
        assert_eq!(proved(Wish { proofs, ..Wish::default() }), Some(now.saturating_add(DAY)));
        let asked = Wish { proofs: of(FactorKind::Password), ..lasting(2 * DAY) };
        let refusal = decide_update(&session(), Some(&stamp()), now, &policy, &asked);
        assert_eq!(refusal.err(), Some(TOO_LONG));
    }

    #[test]
    fn a_subject_that_is_set_never_changes() {
        let other = SubjectId::new("other").unwrap();
        let naming = |subject| {
            let epoch = Some(stamp().epoch);
            Wish {
                proofs: Proofs { subject: Some(subject), epoch, ..Proofs::default() },
                ..Wish::default()
            }
        };
        let changed = decide(&session(), BORN, &naming(other.clone()));
        assert_eq!(changed.err(), Some(UpdateRefusal::SubjectChange));
        assert_eq!(decide(&session(), BORN, &naming(subject())).unwrap().bind, None);
        let nobodys = Record::new_session(SessionBirth { bound: None, ..birth(&policy()) });
        assert_eq!(decide(&nobodys, BORN, &naming(subject())).unwrap().bind, bound());
    }

    #[test]
    fn a_challenge_is_answered_once_and_not_in_the_place_of_a_newer_one() {
        let challenge =
            |state: &str| Challenge::new(FactorKind::WebAuthn, state, after(HOUR)).unwrap();
        let asking = |record: &Record, state| {
            let challenges = vec![challenge(state)];
            updated(record, BORN, &policy(), &Wish { challenges, ..Wish::default() }).unwrap()
        };
        let first = asking(&session(), "first");
        let answer = || {
            let answered = vec![challenge("first")];
            let proofs = Proofs { answered, ..proving(FactorKind::WebAuthn, BORN) };
            Wish { proofs, ..Wish::default() }
        };
        let answered = updated(&first, BORN, &policy(), &answer()).unwrap();
        assert_eq!(answered.session().unwrap().challenge(FactorKind::WebAuthn), None);
        let missing = Some(UpdateRefusal::ChallengeMissing(FactorKind::WebAuthn));
        assert_eq!(decide(&answered, BORN, &answer()).err(), missing);
        assert_eq!(decide(&asking(&first, "second"), BORN, &answer()).err(), missing);
    }

    #[test]
    fn metadata_is_set_entry_by_entry_and_an_empty_value_removes_one() {
        let setting = |record: &Record, entries: &[(&str, &str)]| {
            let metadata = entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
                .collect();
            updated(record, BORN, &policy(), &Wish { metadata, ..Wish::default() })
        };
        let both = setting(&session(), &[("a", "1"), ("b", "2")]).unwrap();
        let one = setting(&both, &[("a", ""), ("b", "3")]).unwrap();
        let metadata = one.session().unwrap().metadata();
        assert_eq!((metadata.get("a"), metadata.get("b")), (None, Some(&b"3"[..])));
        assert!(setting(&one, &[("b", "3"), ("a", "")]).is_none(), "nothing changes");
    }

    #[test]
    fn a_proof_jumps_and_a_change_without_one_moves_session_tokens_alone() {
        let note = || Wish { metadata: vec![("a".into(), b"1".to_vec())], ..Wish::default() };
        let prove = || Wish { proofs: proving(FactorKind::Totp, after(HOUR)), ..Wish::default() };
        let endless = Policy::zitadel();
        let generations = |record: &Record, policy: &Policy| {
            [note(), prove(), Wish::default()].map(|wish| {
                updated(record, after(HOUR), policy, &wish).map(|next| next.generation())
            })
        };
        assert_eq!(generations(&of_flow_c(&endless), &endless), [Some(2), Some(3), None]);
        assert_eq!(generations(&session(), &policy()), [Some(1), Some(3), None]);
    }
}
