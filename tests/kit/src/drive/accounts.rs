//! Google's login: tokens, codes, devices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::Url;

use super::answer::{Answer, form};
use super::world::md5_of;
use super::{DRIVE_CLIENT_ID, DRIVE_CLIENT_SECRET, DRIVE_REFRESH_TOKEN};

#[derive(Debug)]
struct Code {
    redirect: String,
    challenge: String,
    scope: String,
}

#[derive(Debug)]
struct Device {
    user_code: String,
    scope: String,
    approved: bool,
    asked: u32,
}

/// Who may do what until when.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) access: BTreeMap<String, Instant>,
    pub(super) refresh: BTreeSet<String>,
    pub(super) lifetime: Duration,
    pub(super) secrets: Vec<String>,
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, Device>,
    serial: u64,
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self {
            access: BTreeMap::new(),
            refresh: BTreeSet::from([DRIVE_REFRESH_TOKEN.to_owned()]),
            lifetime: Duration::from_hours(1),
            secrets: vec![DRIVE_CLIENT_SECRET.to_owned(), DRIVE_REFRESH_TOKEN.to_owned()],
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            serial: 0,
        }
    }

    fn secret(&mut self, prefix: &str) -> String {
        self.serial += 1;
        let secret = format!("{prefix}{}", md5_of(format!("{prefix}{}", self.serial).as_bytes()));
        self.secrets.push(secret.clone());
        secret
    }

    /// Whether the request carries a token that is good.
    pub(super) fn admits(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        token.and_then(|token| self.access.get(token)).is_some_and(|until| Instant::now() < *until)
    }

    pub(super) fn token(&mut self, body: &[u8]) -> Answer {
        let form = form(body);
        let field = |key: &str| form.get(key).map_or("", String::as_str);
        let client = (field("client_id"), field("client_secret"));
        if client != (DRIVE_CLIENT_ID, DRIVE_CLIENT_SECRET) {
            return denial(401, "invalid_client");
        }
        match field("grant_type") {
            "refresh_token" if self.refresh.contains(field("refresh_token")) => {
                self.grant(None, "https://www.googleapis.com/auth/drive.file")
            }
            "authorization_code" => {
                let Some(code) = self.codes.remove(field("code")) else {
                    return denial(400, "invalid_grant");
                };
                let proof = base64url(digest(&SHA256, field("code_verifier").as_bytes()).as_ref());
                if code.redirect != field("redirect_uri") || code.challenge != proof {
                    return denial(400, "invalid_grant");
                }
                let refresh = self.new_refresh_token();
                self.grant(Some(refresh), &code.scope)
            }
            "urn:ietf:params:oauth:grant-type:device_code" => self.poll(field("device_code")),
            _ => denial(400, "invalid_grant"),
        }
    }

    fn poll(&mut self, code: &str) -> Answer {
        let Some(device) = self.devices.get_mut(code) else {
            return denial(400, "invalid_grant");
        };
        if !device.approved {
            device.asked += 1;
            return denial(428, "authorization_pending");
        }
        let scope = device.scope.clone();
        self.devices.remove(code);
        let refresh = self.new_refresh_token();
        self.grant(Some(refresh), &scope)
    }

    fn new_refresh_token(&mut self) -> String {
        let token = self.secret("1//");
        self.refresh.insert(token.clone());
        token
    }

    fn grant(&mut self, refresh: Option<String>, scope: &str) -> Answer {
        let token = self.secret("ya29.");
        self.access.insert(token.clone(), Instant::now() + self.lifetime);
        let mut grant = json!({
            "access_token": token,
            "expires_in": self.lifetime.as_secs(),
            "token_type": "Bearer",
            "scope": scope,
        });
        if let Some(refresh) = refresh {
            grant["refresh_token"] = json!(refresh);
        }
        Answer::json(200, &grant)
    }

    pub(super) fn device(&mut self, body: &[u8]) -> Answer {
        let form = form(body);
        if form.get("client_id").map(String::as_str) != Some(DRIVE_CLIENT_ID) {
            return denial(401, "invalid_client");
        }
        let code = self.secret("device-");
        let user_code = format!("GQVQ-JKE{}", self.serial);
        let answer = json!({
            "device_code": code,
            "user_code": user_code,
            "verification_url": "https://www.google.com/device",
            "expires_in": 1800,
            "interval": 0,
        });
        let scope = form.get("scope").cloned().unwrap_or_default();
        self.devices.insert(code, Device { user_code, scope, approved: false, asked: 0 });
        Answer::json(200, &answer)
    }

    pub(super) fn approve(&mut self, user_code: &str) -> Result<()> {
        let mut devices = self.devices.values_mut();
        let device = devices.find(|device| device.user_code == user_code);
        device.context("no such device")?.approved = true;
        Ok(())
    }

    /// Checks the address as Google does, and gives the one that the browser is sent to.
    pub(super) fn consent(&mut self, url: &str, yes: bool) -> Result<String> {
        let url = Url::parse(url)?;
        ensure!(url.path() == "/o/oauth2/v2/auth", "not the consent page: {}", url.path());
        let asked: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        let value = |key: &str| asked.get(key).cloned().with_context(|| format!("no {key}"));
        ensure!(value("client_id")? == DRIVE_CLIENT_ID, "another client");
        ensure!(value("response_type")? == "code", "another flow");
        ensure!(value("code_challenge_method")? == "S256", "no proof");
        ensure!(value("access_type")? == "offline", "no lasting permission was asked for");
        let redirect = value("redirect_uri")?;
        let mut target = Url::parse(&redirect)?;
        ensure!(target.host_str() == Some("127.0.0.1"), "not this machine");
        target.query_pairs_mut().append_pair("state", &value("state")?);
        if !yes {
            target.query_pairs_mut().append_pair("error", "access_denied");
            return Ok(target.into());
        }
        let code = self.secret("4/");
        target.query_pairs_mut().append_pair("code", &code);
        let (challenge, scope) = (value("code_challenge")?, value("scope")?);
        self.codes.insert(code, Code { redirect, challenge, scope });
        Ok(target.into())
    }
}

fn denial(status: u16, error: &str) -> Answer {
    let body: Value = json!({ "error": error, "error_description": "Bad Request" });
    Answer::json(status, &body)
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = digits.collect();
    let value = |group: &[u8]| (0..6).fold(0, |sum, at| sum << 1 | group.get(at).unwrap_or(&0));
    bits.chunks(6).map(|group| char::from(ALPHABET[usize::from(value(group))])).collect()
}
