//! The header `OpenStack-API-Version: protector <version>`.

use poem::http::{HeaderMap, StatusCode};

use crate::failure::Failure;

/// The header's name.
pub(crate) const HEADER: &str = "openstack-api-version";
/// The service type in it.
pub(crate) const SERVICE_TYPE: &str = "protector";

/// A microversion of `/v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Microversion {
    major: u32,
    minor: u32,
}

impl std::fmt::Display for Microversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Microversion {
    /// What a caller gets that asks for none.
    pub(crate) const MIN: Self = Self { major: 1, minor: 0 };
    /// The newest.
    pub(crate) const MAX: Self = Self { major: 1, minor: 2 };
    /// The first that shows the health details.
    pub(crate) const HEALTH_DETAILS: Self = Self { major: 1, minor: 2 };

    /// What the request asks for. With several entries for this service the last one counts.
    ///
    /// # Errors
    /// 400 where the version is not one; 406 where it is not supported, with the version that the
    /// answer's header has to repeat.
    pub(crate) fn requested(headers: &HeaderMap) -> Result<Self, (Option<Self>, Failure)> {
        let mut asked = None;
        for line in headers.get_all(HEADER) {
            let line = line.to_str().unwrap_or("protector ?");
            for entry in line.split(',') {
                let mut words = entry.trim().splitn(2, char::is_whitespace);
                let service = words.next().unwrap_or_default();
                if let Some(version) = words.next()
                    && service.eq_ignore_ascii_case(SERVICE_TYPE)
                {
                    asked = Some(version.trim().to_owned());
                }
            }
        }
        let Some(asked) = asked else {
            return Ok(Self::MIN);
        };
        if asked == "latest" {
            return Ok(Self::MAX);
        }
        let version = Self::parse(&asked).ok_or_else(|| {
            let failure = Failure::bad(format!(
                "OpenStack-API-Version: `{asked}` is not a version such as `{}`",
                Self::MAX
            ));
            (None, failure)
        })?;
        if version < Self::MIN || version > Self::MAX {
            return Err((Some(version), version.unsupported()));
        }
        Ok(version)
    }

    /// `^([1-9][0-9]*)\.([1-9][0-9]*|0)$`
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str, zero: bool| {
            let plain = text.bytes().all(|b| b.is_ascii_digit());
            let leading = text.starts_with('0') && !(zero && text == "0");
            let well_formed = plain && !leading && !text.is_empty();
            well_formed.then(|| text.parse().unwrap_or(u32::MAX))
        };
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: number(major, false)?,
            minor: number(minor, true)?,
        })
    }

    fn unsupported(self) -> Failure {
        let detail = format!(
            "Version {self} is not supported by the API. Minimum is {} and maximum is {}.",
            Self::MIN,
            Self::MAX
        );
        Failure::new(
            StatusCode::NOT_ACCEPTABLE,
            "protector.microversion_unsupported",
            detail,
        )
        .with("min_version", Self::MIN.to_string())
        .with("max_version", Self::MAX.to_string())
    }
}
