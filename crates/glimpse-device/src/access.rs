//! How the device shows the server who it is: by a token that it signs in for, or, where its network is somebody
//! else's, by a signature over each request (protocol section 8.1).

use core::cell::RefCell;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_core::Monotonic;
use glimpse_core::vault::DeviceVault;
use glimpse_wire::account::RequestProof;
use glimpse_wire::api::{Challenge, ChallengeRequest, OCTETS, SignIn, SignedJson, Token};
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{AccountId, ErrorCode, Hash, SUITE, encode};

use crate::Local;
use crate::account::Device;
use crate::api::{Signs, json, with_json};
use crate::error::DeviceError;
use crate::home::Home;
use crate::surroundings::Surroundings;
use crate::transport::{Body, Credential, Method, Request, Response};

/// How often a request is sent again that the server was too busy for.
const BUSY_RETRIES: u32 = 6;
/// Longest wait before such a request is sent again, in seconds.
const MAX_BUSY_WAIT: u64 = 15;
/// A token this close to its end is not used any more, in milliseconds.
const TOKEN_MARGIN: u64 = 60 * 1000;
/// Waits before a request is sent again whose answer was lost, in milliseconds.
const LOST_ANSWER_WAITS: [u64; 3] = [200, 1_000, 3_000];

/// A token, and until when it is used.
pub(crate) type KeptToken = Option<(Hash, Monotonic)>;

/// Signs requests by the device's key, with a counter that never comes twice.
pub(crate) struct RequestSigner {
    pub(crate) home: Home,
    pub(crate) vault: Rc<DeviceVault>,
    pub(crate) account: AccountId,
    pub(crate) origin: String,
}

impl Signs for RequestSigner {
    fn proof<'a>(&'a self, request: &'a Request) -> Local<'a, Result<String, DeviceError>> {
        Box::pin(async move {
            // Not held over the request: what streams may ask for more as it goes. The server takes counters that overtake
            // one another by a little.
            let counter = {
                let _held = self.home.lock_requests().await?;
                self.home.next_counter().await?
            };
            // Sealed chunks stream, and are not hashed, whether or not they are sent whole.
            let streams = request.content_type == Some(OCTETS);
            let body: Option<&[u8]> = match &request.body {
                Body::Empty => Some(&[]),
                Body::Bytes(bytes) if !streams => Some(bytes),
                Body::Bytes(_) | Body::Chunks { .. } => None,
            };
            Ok(self.sign(request, body, counter))
        })
    }
}

impl RequestSigner {
    fn sign(&self, request: &Request, body: Option<&[u8]>, counter: u64) -> String {
        let (keys, method) = (&self.vault.keys, request.method.as_str());
        let device = keys.id();
        let signature = keys.sign_request(&self.origin, method, &request.path, body, &self.account, counter);
        let origin = self.origin.clone();
        let proof = RequestProof { account: self.account, device, origin, counter, signature };
        Base64UrlUnpadded::encode_string(&encode(&proof))
    }
}

impl Device {
    /// By what the device's requests show who sends them: its signature, or a token with some life left. Signs in where
    /// there is none.
    pub(crate) async fn credential(&self) -> Result<Credential, DeviceError> {
        if self.api.signs() {
            return Ok(Credential::Own);
        }
        if let Some((token, until)) = self.token.get()
            && self.machine.monotonic() < until
        {
            return Ok(token.into());
        }
        // Held over the exchange: a counter that is overtaken by a later one of another process would look like a copy.
        let _held = self.home.lock_requests().await?;
        // The next number would pass, and of the two the other one would be refused: whose turn it is, is the owner's to say.
        if self.home.is_doubled().await? {
            return Err(ErrorCode::DeviceDoubled.into());
        }
        let (account, device) = (self.account(), self.keys().id());
        let request = ChallengeRequest { account, device };
        let request = with_json(Method::Post, "/v1/sign-in/challenge".to_owned(), &request);
        let challenge: Challenge = json(self.api.call(request).await?, MAX_JSON).await?;
        let answer = SignIn {
            suite: SUITE,
            account,
            device,
            origin: self.server().to_owned(),
            challenge: challenge.challenge,
            at: self.machine.now(),
            counter: self.home.next_counter().await?,
        };
        let signed: SignedJson = self.keys().signing().sign_statement(StatementKind::SignIn, &answer).into();
        let request = with_json(Method::Post, "/v1/sign-in".to_owned(), &signed);
        let answered = self.api.call(request).await;
        if answered.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::DeviceDoubled)) {
            self.home.store_doubled(true).await?;
        }
        let token: Token = json(answered?, MAX_JSON).await?;
        // Its life by the server's clock, counted on ours, which may be set differently.
        let life = token.expires.since(challenge.now).saturating_sub(TOKEN_MARGIN);
        self.token.set(Some((token.token, self.machine.monotonic().plus(life))));
        Ok(token.token.into())
    }

    /// Sends a request of the device. Signs in again if the server has forgotten it; waits and tries again if the server
    /// has too much to do.
    pub(crate) async fn authorised(&self, request: impl Fn(Credential) -> Request) -> Result<Response, DeviceError> {
        let mut renewed = false;
        let mut waits = 0u32;
        loop {
            let error = match self.api.call(request(self.credential().await?)).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let DeviceError::Refused { code, retry_after } = error else { return Err(error) };
            if code == ErrorCode::Unauthorised && !renewed && !self.api.signs() {
                renewed = true;
                self.token.set(None);
            } else if matches!(code, ErrorCode::RateLimited | ErrorCode::Busy) && waits < BUSY_RETRIES {
                waits = waits.saturating_add(1);
                let seconds = retry_after.unwrap_or(1).clamp(1, MAX_BUSY_WAIT);
                self.machine.sleep(seconds.saturating_mul(1000)).await;
            } else {
                return Err(error);
            }
        }
    }

    /// Sends a request of the device that is safe to repeat: again if its answer was lost, later if the server has too much
    /// to do.
    pub(crate) async fn persistently(&self, request: impl Fn(Credential) -> Request) -> Result<Response, DeviceError> {
        again_if_lost(&*self.machine, async || self.authorised(&request).await).await
    }

    /// Sends a request that is safe to repeat, again if its answer was lost.
    pub(crate) async fn again_if_lost(&self, request: impl Fn() -> Request) -> Result<Response, DeviceError> {
        again_if_lost(&*self.machine, async || self.api.call(request()).await).await
    }
}

/// Sends what is safe to repeat, again if its answer was lost: three more times at the most, after [`LOST_ANSWER_WAITS`].
pub(crate) async fn again_if_lost(
    machine: &dyn Surroundings,
    send: impl AsyncFn() -> Result<Response, DeviceError>,
) -> Result<Response, DeviceError> {
    let mut waits = LOST_ANSWER_WAITS.iter();
    loop {
        match (send().await, waits.next()) {
            (Err(error), Some(wait)) if error.code() == Some(ErrorCode::ServerUnreachable) => {
                machine.sleep(*wait).await;
            }
            (answer, _) => return answer,
        }
    }
}

/// What is known of the account, replaced as a whole when it grows.
pub(crate) type Shared<T> = RefCell<Rc<T>>;
