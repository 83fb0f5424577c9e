use std::sync::Arc;
use std::time::Duration;

use protector_db::Db;
use protector_framework::Clock;

/// The time between two signs of life.
const INTERVAL: Duration = Duration::from_secs(10);

/// Tells the site's database again and again that this service lives on this host. Ends when its
/// task is ended; a database that is away is told once it is back.
pub async fn heartbeat(db: Db, clock: Arc<dyn Clock>, service: &'static str, host: String) {
    loop {
        if let Err(error) = db.heartbeat(service, &host).await {
            tracing::warn!(%error, "no sign of life could be written");
        }
        clock.sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use protector_db::{DbOptions, SecretBox};
    use protector_framework::{ManualClock, SecretString, SeededIds};

    use super::*;

    #[tokio::test]
    async fn a_service_is_seen_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("db").display());
        protector_migrations::sync(&url).await.unwrap();
        let (clock, ids) = (
            Arc::new(ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap())),
            Arc::new(SeededIds::new(1)),
        );
        let keys = SecretBox::open_or_create(dir.path(), &*ids).unwrap();
        let (url, options) = (SecretString::from(url), DbOptions::default());
        let db = Db::connect(&url, options, keys, clock.clone(), ids);
        let db = db.await.unwrap();
        let lives = heartbeat(
            db.clone(),
            clock.clone(),
            "protector-api",
            "host".to_owned(),
        );
        let lives = tokio::spawn(lives);
        let mut seen = Vec::new();
        for _ in 0..3 {
            while clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            let services = db.list_services().await.unwrap();
            assert_eq!(services.len(), 1);
            assert_eq!(
                (&*services[0].binary, &*services[0].host),
                ("protector-api", "host")
            );
            seen.push(services[0].last_seen_at);
            clock.advance(INTERVAL);
        }
        lives.abort();
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    }
}
