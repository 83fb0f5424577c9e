//! Reading the configuration again while the service runs.

use protector_config::{Config, ConfigArgs, environment};

use crate::logging::Log;

/// Where the configuration came from, and how it was. Owns the log, which is written to its end when
/// this is dropped.
#[derive(Debug)]
pub struct Reloader {
    pub(crate) program: String,
    pub(crate) args: ConfigArgs,
    pub(crate) config: Config,
    pub(crate) log: Log,
}

impl Reloader {
    /// Opens the log anew, for whoever has moved the old file away, and puts the options in force that
    /// can change in a running service. Every other change is told and ignored; a configuration that
    /// is wrong is told and changes nothing.
    pub(crate) fn reload(&mut self) {
        self.log.reopen();
        let read = self.args.load(&self.program, environment());
        let read = read.and_then(|config| config.check_service().map(|()| config));
        let config = match read {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(%error, "the configuration cannot be used; it stays as it was");
                return;
            }
        };
        for change in self.config.changes(&config) {
            tracing::warn!("{change}");
        }
        self.log.set_debug(config.default.debug);
        self.config.default.debug = config.default.debug;
        self.config.adopt_mutable(&config);
        tracing::info!("the configuration was read again");
    }
}
