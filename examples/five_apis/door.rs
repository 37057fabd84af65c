//! What the five doors share: how a request is read, and how it is answered.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        ConnectInfo, DefaultBodyLimit, FromRequest, FromRequestParts, Query, RawPathParams, Request,
    },
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};
use session_issuer::{client::ClientInfo, compat::ApiError, error::ErrorClass};

/// The longest body that is read: 1 MiB.
const MAX_BODY: usize = 1 << 20;
/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// One system's door: the state of its handlers.
pub(crate) trait Door: Clone + Send + Sync + 'static {
    /// What is wrong with a request before the system has seen it, in the system's words.
    fn tell(fault: Fault) -> Reply;
}

/// What a door refuses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A body that is no JSON object, or broke off.
    Malformed,
    /// No such path.
    NotFound,
    /// A path, but not with this method.
    WrongMethod,
    /// A body of more than 1 MiB.
    TooLarge,
    /// A body that is not said to be JSON.
    WrongContentType,
}

impl Fault {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NotFound => 404,
            Self::WrongMethod => 405,
            Self::TooLarge => 413,
            Self::WrongContentType => 415,
        }
    }

    /// The status in words.
    pub(crate) fn text(self) -> &'static str {
        StatusCode::from_u16(self.status())
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default()
    }
}

/// A system's routes at the root, where paths that are nobody's are answered by the program.
pub(crate) fn served<D: Door>(routes: Router<D>, door: &D) -> Router {
    routes
        .method_not_allowed_fallback(|| async { D::tell(Fault::WrongMethod) })
        .with_state(door.clone())
}

/// A system's routes below a prefix of its own.
pub(crate) fn below<D: Door>(routes: Router<D>, door: &D) -> Router {
    served(routes, door).fallback(|| async { D::tell(Fault::NotFound) })
}

/// A request that has been read.
pub(crate) struct Call {
    uri: Uri,
    headers: HeaderMap,
    params: Vec<String>,
    peer: Option<IpAddr>,
    body: Bytes,
}

impl<D: Door> FromRequest<D> for Call {
    type Rejection = Reply;

    async fn from_request(request: Request, door: &D) -> Result<Self, Reply> {
        let (mut parts, body) = request.into_parts();
        let params = RawPathParams::from_request_parts(&mut parts, door).await;
        let params = params.map_err(|_| D::tell(Fault::NotFound))?;
        let params = params.iter().map(|(_, value)| value.to_owned()).collect();
        let peer =
            parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let (uri, headers) = (parts.uri.clone(), parts.headers.clone());
        let mut request = Request::from_parts(parts, body);
        DefaultBodyLimit::max(MAX_BODY).apply(&mut request);
        let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, door)).await;
        let body = body.map_err(|_| D::tell(Fault::Malformed))?;
        let body = body.map_err(|rejected| match rejected.status() {
            StatusCode::PAYLOAD_TOO_LARGE => D::tell(Fault::TooLarge),
            _ => D::tell(Fault::Malformed),
        })?;
        Ok(Self { uri, headers, params, peer, body })
    }
}

impl Call {
    /// The body as a JSON object. An empty one is the empty object: handlers name what is missing.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let body: &[u8] = match self.body.trim_ascii() {
            b"" => b"{}",
            _ if !self.is_of_type("json") => return Err(Fault::WrongContentType),
            body => body,
        };
        // A struct is read from an array too, by the order of its fields: not here.
        let object = body.first() == Some(&b'{');
        serde_json::from_slice(body).ok().filter(|_| object).ok_or(Fault::Malformed)
    }

    /// The body as a form's text, which is written like a query; none of one that is not said to be
    /// a form.
    pub(crate) fn form_text(&self) -> Result<Option<&str>, Fault> {
        if !self.is_of_type("x-www-form-urlencoded") {
            return Ok(None);
        }
        std::str::from_utf8(&self.body).map(Some).map_err(|_| Fault::Malformed)
    }

    /// The body as a form.
    pub(crate) fn form(&self) -> Result<HashMap<String, String>, Fault> {
        let text = self.form_text()?.ok_or(Fault::WrongContentType)?;
        let uri = format!("/?{text}").parse().map_err(|_| Fault::Malformed)?;
        Query::try_from_uri(&uri).map(|Query(fields)| fields).map_err(|_| Fault::Malformed)
    }

    /// True when there is a body.
    pub(crate) fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    fn is_of_type(&self, subtype: &str) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let (kind, given) = essence.split_once('/').unwrap_or_default();
        kind.eq_ignore_ascii_case("application") && given.eq_ignore_ascii_case(subtype)
    }

    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// A value of the query; the last one, where there are several.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        let Query(mut fields) = Query::<HashMap<String, String>>::try_from_uri(&self.uri).ok()?;
        fields.remove(name)
    }

    /// A part of the path that the route leaves open, by its place.
    pub(crate) fn param(&self, place: usize) -> &str {
        self.params.get(place).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token after a scheme in `Authorization`, such as `Bearer`.
    pub(crate) fn authorization(&self, scheme: &str) -> Option<&str> {
        let (given, token) = self.header("authorization")?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then_some(token.trim())
    }

    /// Name and password of `Authorization: Basic` (RFC 7617).
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let text = String::from_utf8(STANDARD.decode(self.authorization("Basic")?).ok()?).ok()?;
        text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
    }

    /// A cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self
            .headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        cookies.find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
    }

    /// Where the call comes from. Behind a proxy, a host asks the proxy.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The calling client. A user agent that the crate would not keep is left out.
    pub(crate) fn client(&self) -> ClientInfo {
        let client = self.peer.map_or_else(ClientInfo::new, |ip| ClientInfo::new().with_ip(ip));
        let agent = self.header("user-agent").unwrap_or_default();
        client.clone().with_user_agent(agent).checked().unwrap_or(client)
    }
}

/// What a handler answers, well or badly.
pub(crate) type Outcome = Result<Reply, Reply>;

/// An answer in JSON, or without a body.
pub(crate) struct Reply {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
    headers: Vec<(HeaderName, String)>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => {
                Self { status, content_type: "application/json", body, headers: Vec::new() }
            }
            Err(_) => Self::empty(500),
        }
    }

    pub(crate) fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    /// A page, which no other page may show: whoever clicks on it sees it.
    pub(crate) fn html(status: u16, page: String) -> Self {
        let content_type = "text/html; charset=utf-8";
        Self { status, content_type, body: page.into_bytes(), headers: Vec::new() }
            .with(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")
            .with(header::X_FRAME_OPTIONS, "DENY")
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: "", body: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A refusal of `compat`. What went wrong on our side is logged, and never what was sent.
    pub(crate) fn refused<B: Serialize>(error: &ApiError<B>) -> Self {
        Self::log(error);
        Self::json(error.status, error)
    }

    /// Logs what went wrong on our side.
    pub(crate) fn log<B>(error: &ApiError<B>) {
        if let Some(cause) = error.cause().filter(|cause| cause.class() != ErrorClass::Rejected) {
            eprintln!("{}: {cause}", error.status);
        }
    }
}

impl<B: Serialize> From<ApiError<B>> for Reply {
    fn from(error: ApiError<B>) -> Self {
        Self::refused(&error)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        // Most answers hand out tokens, and none may be kept on the way.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !self.content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Compares a credential in a time that does not depend on where it differs.
pub(crate) fn same(given: &str, known: &str) -> bool {
    let differences = given.bytes().zip(known.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    differences == 0 && given.len() == known.len()
}
