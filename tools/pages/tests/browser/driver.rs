//! Chromium, by its driver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser with one window, which ends with this value.
pub struct Browser {
    pub client: Client,
    driver: Child,
    /// Its profile.
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser with it. If it is gone already, there is nothing to end.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Runs a test with a browser of its own, and fails if the page wrote an error to the console or loaded anything.
pub fn with_browser(test: impl AsyncFnOnce(&Browser)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let browser = Browser::start().await;
        test(&browser).await;
        browser.check_console().await;
        let loaded = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        assert_eq!(
            browser.run(loaded, vec![]).await,
            json!([]),
            "loaded by the page"
        );
        browser
            .client
            .clone()
            .close()
            .await
            .expect("the browser ends");
    });
}

impl Browser {
    async fn start() -> Self {
        let profile = TempDir::new().expect("a temporary folder");
        let (driver, port) = start_driver();
        // As root, Chromium has no sandbox; the page is our own.
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1300,1400",
        ];
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        let flags: Vec<&str> = flags.into_iter().chain([profile_flag.as_str()]).collect();
        let capabilities = json!({
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("an object");
        };
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        Browser {
            client: connected.expect("Chromium starts"),
            driver,
            _profile: profile,
        }
    }

    pub async fn open(&self, page: &Path) {
        let url = format!("file://{}", page.display());
        self.client.goto(&url).await.expect("the page opens");
    }

    pub async fn run(&self, script: &str, args: Vec<Value>) -> Value {
        let done = self.client.execute(script, args).await;
        done.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The element that a selector names.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.client.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// The one element of those that is shown.
    pub async fn find_shown(&self, selector: &str) -> Element {
        self.find(&format!("section.program:not([hidden]) {selector}"))
            .await
    }

    /// Presses keys with the focus where it is.
    pub async fn press(&self, keys: &str) {
        let active = self.client.active_element().await.expect("a focus");
        active.send_keys(keys).await.expect("keys");
    }

    /// Moves the mouse to a point of the window.
    pub async fn point(&self, x: f64, y: f64) {
        let to = PointerAction::MoveTo {
            duration: None,
            x,
            y,
        };
        let mouse = MouseActions::new("mouse".into()).then(to);
        self.client
            .perform_actions(mouse)
            .await
            .expect("the mouse moves");
    }

    /// A command of Chromium's own protocol.
    pub async fn command(&self, name: &'static str, params: Value) {
        let body = json!({ "cmd": name, "params": params });
        let sent = self.client.issue_cmd(Post("goog/cdp/execute", body)).await;
        sent.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// `light` or `dark`.
    pub async fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.command(
            "Emulation.setEmulatedMedia",
            json!({ "features": [feature] }),
        )
        .await;
    }

    async fn check_console(&self) {
        let log = self
            .client
            .issue_cmd(Post("se/log", json!({ "type": "browser" })))
            .await;
        let log = log.expect("the console's messages");
        assert_eq!(log, json!([]), "on the console");
    }
}

/// The driver on a port that is free, which it tells.
fn start_driver() -> (Child, u16) {
    let started = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut driver = started.unwrap_or_else(|error| {
        panic!(
            "chromedriver cannot be started ({error}): these tests need Debian's packages chromium and chromium-driver; \
             `cargo xtask test` installs them, or `sudo apt-get install chromium chromium-driver`"
        )
    });
    let stdout = driver.stdout.take().expect("its output");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // Read on, so that the driver never waits for its output to be taken.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port.expect("chromedriver tells its port"))
}

/// A command that WebDriver's standard does not have.
#[derive(Debug)]
struct Post(&'static str, Value);

impl WebDriverCompatibleCommand for Post {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.0
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}
