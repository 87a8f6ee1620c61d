//! TLS without a C library: rustls, with ring for the ciphers and the system's own certificates.
//!
//! The provider is chosen here, for this client, and not for the whole process.

use std::path::Path;
use std::sync::Arc;

use heirloom_engine::error::ErrorKind;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use super::HttpError;

/// Trusts what the system trusts, and the certificates of a PEM file.
pub(super) fn config(ca: Option<&Path>) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| failed(format!("TLS cannot be set up: {error}"));
    let extra = ca.map_or(Ok(Vec::new()), certificates)?;
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(unusable)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let unreadable = || failed(format!("no certificate can be read from {}", path.display()));
    let found = CertificateDer::pem_file_iter(path).ok().ok_or_else(unreadable)?;
    let found = found.collect::<Result<Vec<_>, _>>().ok().ok_or_else(unreadable)?;
    if found.is_empty() { Err(unreadable()) } else { Ok(found) }
}

fn failed(message: String) -> HttpError {
    HttpError::unanswered(ErrorKind::Configuration, false, message)
}
