//! The five flows of one API, through the face that hosts hold: `Arc<dyn SessionIssuer>`.

use std::sync::Arc;

use session_issuer::{
    Error, NewSession, Policy, Refresh, RequestTokens, Requirement, Revoke, SessionIssuer,
    SessionQuery, Update,
    actor::{Actor, ActorChain},
    error::{ErrorKind, Operation},
    factor::Check,
    id::{AppId, SubjectId},
    issuer::{
        Checked, CredentialChange, Decide, Exchange, Issued, OpenRequest, Presented, Revoked,
        SessionPage,
    },
    session::Epoch,
    testing::{ManualClock, block_on, fixtures},
    token::VerifiedClaims,
};

use crate::world::*;

fn face(world: &World) -> Arc<dyn SessionIssuer> {
    Arc::new(world.issuer.clone())
}

#[test]
fn flow_a_a_signed_user_session() {
    let world = World::new(Policy::hanko());
    let issuer = face(&world);
    block_on(async {
        let login = issuer.create(NewSession::for_subject(id("alice"))).await.unwrap();
        assert!(login.refresh_token().is_none());
        assert_eq!(issuer.verify(login.token()).unwrap().subject(), Some(&id("alice")));
        issuer.check(login.token().into(), &Requirement::new()).await.unwrap();
        issuer.revoke(Revoke::token(login.token())).await.unwrap();
        refused(issuer.check(login.token().into(), &Requirement::new()).await, ErrorKind::Revoked);
    });
}

#[test]
fn flow_b_impersonation_credentials() {
    let world = World::new(Policy::stack_auth());
    let issuer = face(&world);
    block_on(async {
        let chain = ActorChain::new(Actor::new(id("operator")), "ticket 4711").unwrap();
        let acting = issuer.create(NewSession::impersonating(id("alice"), chain)).await.unwrap();
        assert_eq!(
            issuer.verify(acting.token()).unwrap().actors().collect::<Vec<_>>(),
            ["operator"]
        );
        let again = issuer.refresh(Refresh::new(acting.refresh_token().unwrap())).await.unwrap();
        assert_eq!(again.refresh_token(), acting.refresh_token(), "this preset does not rotate");
        let own = issuer.list(SessionQuery::of_subject(id("alice"))).await.unwrap();
        assert!(own.sessions().is_empty());
    });
}

#[test]
fn flow_c_a_session_grown_by_checks() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "V3ryS3cure!");
    let issuer = face(&world);
    block_on(async {
        let checks = [Check::subject(id("alice")), Check::password("V3ryS3cure!").unwrap()];
        let login = issuer.create(NewSession::from_checks(checks)).await.unwrap();
        let next =
            issuer.update(Update::with_token(login.token()).metadata("k", "v")).await.unwrap();
        refused(
            issuer.update(Update::with_token(login.token()).metadata("k", "w")).await,
            ErrorKind::Superseded,
        );
        let checked = issuer.check(next.token().into(), &Requirement::new()).await.unwrap();
        assert_eq!(checked.session().unwrap().factors().len(), 2);
    });
}

#[test]
fn flow_d_an_approved_request_token() {
    let world = World::new(Policy::tmdb());
    let (issuer, requests) =
        (face(&world), Arc::new(world.issuer.clone()) as Arc<dyn RequestTokens>);
    block_on(async {
        let app = AppId::new("films").unwrap();
        let opened = requests.open(OpenRequest::new(app.clone())).await.unwrap();
        let token = opened.token().unwrap();
        refused(requests.exchange(Exchange::new(token, app.clone())).await, ErrorKind::NotApproved);
        requests.decide(Decide::approve(token, id("alice"))).await.unwrap();
        let session = requests.exchange(Exchange::new(token, app.clone())).await.unwrap();
        refused(requests.exchange(Exchange::new(token, app)).await, ErrorKind::AlreadyDecided);
        let checked = issuer.check(session.token().into(), &Requirement::new()).await.unwrap();
        assert_eq!(checked.subject().unwrap(), &id("alice"));
    });
}

#[test]
fn flow_e_a_device_session() {
    let world = World::new(Policy::zelf());
    let issuer = face(&world);
    block_on(async {
        let first = issuer.create(NewSession::for_device(device("phone"))).await.unwrap();
        world.advance(MINUTE);
        let again = issuer.create(NewSession::for_device(device("phone"))).await.unwrap();
        assert_eq!(
            (first.session_id(), first.expires_at()),
            (again.session_id(), again.expires_at())
        );
        world.advance(9 * MINUTE);
        refused(
            issuer.check(again.token().into(), &Requirement::new()).await,
            ErrorKind::TokenExpired,
        );
    });
}

#[test]
fn a_boxed_face_forwards_every_verb() {
    let world = World::new(Policy::default());
    let issuer: Box<dyn SessionIssuer> = Box::new(face(&world));
    block_on(async {
        let login = issuer.create(NewSession::for_subject(id("alice"))).await.unwrap();
        let next = issuer.refresh(Refresh::new(login.refresh_token().unwrap())).await.unwrap();
        issuer.check(next.token().into(), &Requirement::new()).await.unwrap();
        assert_eq!(
            issuer.list(SessionQuery::of_subject(id("alice"))).await.unwrap().sessions().len(),
            1
        );
        issuer.revoke(Revoke::all(id("alice"))).await.unwrap();
        refused(issuer.check(next.token().into(), &Requirement::new()).await, ErrorKind::Revoked);
    });
}

/// A host's own issuer, as its unit tests would put it behind its code.
#[derive(Debug)]
struct Stub;

#[async_trait::async_trait]
impl SessionIssuer for Stub {
    async fn create(&self, _: NewSession) -> Result<Issued, Error> {
        Ok(fixtures::issued(fixtures::session().build(), "access", Some("refresh")))
    }
    async fn check(&self, presented: Presented<'_>, _: &Requirement) -> Result<Checked, Error> {
        let _ = presented;
        Ok(fixtures::checked(
            fixtures::session().subject(id("alice"), Epoch::from_number(1)).build(),
        ))
    }
    fn verify(&self, _: &str) -> Result<VerifiedClaims, Error> {
        let session = fixtures::session().build().id();
        Ok(fixtures::claims(session, Some(id("alice")), ManualClock::START, ManualClock::START))
    }
    async fn refresh(&self, _: Refresh<'_>) -> Result<Issued, Error> {
        Err(Error::new(ErrorKind::ReuseDetected, Operation::Refresh))
    }
    async fn update(&self, _: Update<'_>) -> Result<Issued, Error> {
        Err(Error::new(ErrorKind::NotFound, Operation::Update))
    }
    async fn revoke(&self, _: Revoke<'_>) -> Result<Revoked, Error> {
        Ok(Revoked::default())
    }
    async fn credential_changed(&self, _: CredentialChange) -> Result<Revoked, Error> {
        Ok(Revoked::default())
    }
    async fn list(&self, _: SessionQuery) -> Result<SessionPage, Error> {
        Ok(SessionPage::default())
    }
    async fn epoch(&self, _: &SubjectId) -> Result<Epoch, Error> {
        Ok(Epoch::from_number(1))
    }
}

#[test]
fn a_host_can_put_its_own_issuer_behind_its_code() {
    let issuer: Arc<dyn SessionIssuer> = Arc::new(Stub);
    block_on(async {
        let login = issuer.create(NewSession::anonymous()).await.unwrap();
        assert_eq!((login.token(), login.refresh_token()), ("access", Some("refresh")));
        let checked = issuer.check("access".into(), &Requirement::new()).await.unwrap();
        assert_eq!(checked.subject().unwrap(), &id("alice"));
        assert_eq!(issuer.verify("access").unwrap().subject(), Some(&id("alice")));
        refused(issuer.refresh(Refresh::new("refresh")).await, ErrorKind::ReuseDetected);
    });
}
