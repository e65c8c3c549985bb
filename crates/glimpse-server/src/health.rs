//! Asks a running server whether it is ready, from the machine that it runs on.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::listen::{TlsError, certificates};
use crate::settings::Settings;

/// How long the whole check may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a server does not count as ready.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// Nothing answered in time.
    #[error("the server does not answer")]
    Silent,
    /// Nobody accepts connections, or they break.
    #[error("cannot reach the server: {0}")]
    Unreachable(#[from] io::Error),
    /// It answered that it is not ready.
    #[error("the server is not ready")]
    NotReady,
    /// `tls_cert` cannot be read.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// TLS itself cannot be set up.
    #[error("cannot use TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// One `GET /readyz` at the address of `listen`; with TLS, of whoever presents and proves exactly the certificate that
/// `tls_cert` begins with. Names and dates are not looked at: the check runs on the machine itself, by its address.
///
/// # Errors
/// [`HealthError`].
pub async fn healthcheck(settings: &Settings) -> Result<(), HealthError> {
    tokio::time::timeout(PATIENCE, ask(settings)).await.map_err(|_| HealthError::Silent)?
}

async fn ask(settings: &Settings) -> Result<(), HealthError> {
    let mut address = settings.listen;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let mut stream = TcpStream::connect(address).await?;
    let Some(cert) = &settings.tls_cert else { return is_ready(&mut stream).await };
    let expected = certificates(cert)?.into_iter().next().ok_or(rustls::Error::NoCertificatesPresented)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Exactly { expected, provider: Arc::clone(&provider) });
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::IpAddress(address.ip().into());
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    is_ready(&mut stream).await
}

async fn is_ready(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), HealthError> {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    stream.flush().await?;
    let mut head = [0u8; 12];
    stream.read_exact(&mut head).await?;
    if &head == b"HTTP/1.1 200" { Ok(()) } else { Err(HealthError::NotReady) }
}

/// Takes one certificate and no other, and checks that the server has its key.
#[derive(Debug)]
struct Exactly {
    expected: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *presented == self.expected {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(
                "the server presents another certificate than tls_cert; after a renewal, restart it".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
