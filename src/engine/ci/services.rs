//! Servers that stand beside the job: what they are started from, and the variables by which programs find them.

use serde::Serialize;

use super::Platform;
use crate::model::{CiFacts, CiService};

/// A server as templates see it.
#[derive(Serialize)]
pub(super) struct Service {
    pub name: &'static str,
    pub image: &'static str,
    pub port: u16,
    /// Asked until it answers.
    pub health: &'static str,
    /// The server's own settings. They let everybody in: nothing but the job can reach it.
    pub settings: Vec<Setting>,
}

#[derive(Serialize)]
pub(super) struct Setting {
    pub name: &'static str,
    pub value: String,
}

pub(super) fn services(facts: &CiFacts) -> Vec<Service> {
    facts.services.iter().map(|service| one(*service)).collect()
}

fn one(service: CiService) -> Service {
    let setting = |name: &'static str, value: &str| vec![Setting { name, value: value.to_owned() }];
    match service {
        CiService::Postgres => Service {
            name: "postgres",
            image: "postgres:17",
            port: 5432,
            health: "pg_isready --username postgres",
            settings: setting("POSTGRES_HOST_AUTH_METHOD", "trust"),
        },
        CiService::Mysql => Service {
            name: "mysql",
            image: "mysql:8.4",
            port: 3306,
            health: "mysqladmin ping --silent",
            settings: {
                let mut settings = setting("MYSQL_ALLOW_EMPTY_PASSWORD", "yes");
                settings.extend(setting("MYSQL_DATABASE", "test"));
                settings
            },
        },
        CiService::Redis => {
            Service { name: "redis", image: "redis:8", port: 6379, health: "redis-cli ping", settings: vec![] }
        }
        CiService::Mongo => Service {
            name: "mongo",
            image: "mongo:8",
            port: 27017,
            health: "mongosh --quiet --eval 'db.runCommand({ping: 1})'",
            settings: vec![],
        },
    }
}

/// Variables by which clients find the servers by convention; `DATABASE_URL` only where the project reads it.
pub(super) fn variables(facts: &CiFacts, platform: Platform) -> Vec<(&'static str, String)> {
    let mut variables = vec![];
    for service in &facts.services {
        let name = one(*service).name;
        let host = if platform == Platform::Gitlab { name } else { "127.0.0.1" };
        match service {
            CiService::Postgres => {
                variables.push(("PGHOST", host.to_owned()));
                variables.push(("PGUSER", "postgres".to_owned()));
                if facts.reads_database_url {
                    variables.push(("DATABASE_URL", format!("postgresql://postgres@{host}:5432/postgres")));
                }
            }
            CiService::Mysql => {
                variables.push(("MYSQL_HOST", host.to_owned()));
                variables.push(("MYSQL_TCP_PORT", "3306".to_owned()));
                if facts.reads_database_url && !facts.services.contains(&CiService::Postgres) {
                    variables.push(("DATABASE_URL", format!("mysql://root@{host}:3306/test")));
                }
            }
            CiService::Redis => variables.push(("REDIS_URL", format!("redis://{host}:6379/0"))),
            CiService::Mongo => variables.push(("MONGODB_URI", format!("mongodb://{host}:27017/test"))),
        }
    }
    variables
}
