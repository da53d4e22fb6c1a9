//! A browser without a window, driven by WebDriver (W3C "WebDriver", level 2): a handful of calls, which curl makes.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use marty_events_tests::{process::Watched, servers, wait};

/// Chromium with a profile of its own, closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    /// The driver's address and the session in it.
    session: String,
    _driver: Watched,
    _profile: TempDir,
}

/// The key of a found element's name in the driver's answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Browser {
    /// Nothing, after reporting `test` as skipped, where Chromium or its driver is missing.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let is_there = |program| Command::new(program).arg("--version").output().is_ok();
        if !is_there("chromium") || !is_there("chromedriver") {
            servers::skip(test, "chromium or chromedriver is missing; scripts/test installs them where it can");
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder");
        let driver = Watched::start(Command::new("chromedriver").arg("--port=0"));
        let port = std::iter::from_fn(|| driver.line(wait::DEADLINE))
            .find_map(|line| {
                line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says its port");
        let arguments = [
            "--headless",
            // Root has no sandbox, and continuous integration runs as root.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1100,700",
        ];
        let profile_argument = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = arguments.into_iter().chain([profile_argument.as_str()]).collect();
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            // The implicit limit lets a search wait for an element of the next page.
            "timeouts": {"implicit": 10_000, "pageLoad": 30_000, "script": 60_000},
        }}});
        let sessions = format!("http://127.0.0.1:{port}/session");
        let answer = call("POST", &sessions, Some(&capabilities));
        let session = format!("{sessions}/{}", answer["sessionId"].as_str().expect("a session"));
        Some(Self { session, _driver: driver, _profile: profile })
    }

    /// Loads a page.
    pub(crate) fn go(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// Clicks the first link or button with this text; answers when the page is loaded that it leads to.
    pub(crate) fn click(&self, text: &str) {
        // The driver may answer before the next page has begun to load: then this page is still there.
        self.run("document.isLeft = true");
        let path = format!(
            "//main//a[normalize-space()='{text}'] | //button[normalize-space()='{text}'] | //nav//a[normalize-space()='{text}']"
        );
        let element = self.find("xpath", &path);
        self.post(&format!("element/{element}/click"), &json!({}));
        let next = "return document.isLeft || document.readyState !== 'complete' ? null : true";
        self.until_run(&format!("the page behind `{text}`"), next, &[]);
    }

    /// Types into the field with this label.
    pub(crate) fn fill(&self, label: &str, text: &str) {
        let element = self.find("xpath", &format!("//input[@id = //label[normalize-space()='{label}']/@for]"));
        self.post(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// The text of the first element that a CSS selector finds, as it is seen.
    pub(crate) fn text(&self, selector: &str) -> String {
        // In one step: a page that refreshes itself may be replaced between finding an element and reading it.
        let script = "return document.querySelector(arguments[0])?.innerText";
        let text = self.until_run(&format!("the element `{selector}`"), script, &[selector]);
        text.as_str().expect("a text").trim().to_owned()
    }

    /// The result of a script that the driver runs on the page. The page's own policy does not stop it.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same for a script that calls its last argument with the result.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        self.post("execute/async", &json!({"script": script, "args": []}))
    }

    /// Pages are laid out for a screen of this width, in the light or the dark scheme.
    pub(crate) fn screen(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// The page as a PNG in base64: whole, unless it is longer than a picture should be.
    pub(crate) fn picture(&self, width: u32) -> String {
        // A narrow page is long: the overview's relays stand below its lines.
        let most = if width < 700 { 2600 } else { 1600 };
        let height =
            self.run(&format!("return Math.min(Math.ceil(document.body.getBoundingClientRect().bottom), {most})"));
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let parameters = json!({"captureBeyondViewport": true, "clip": clip});
        let answer = self.devtools("Page.captureScreenshot", &parameters);
        answer["data"].as_str().expect("a picture").to_owned()
    }

    /// The result of a script as soon as there is one. A page that goes away under the script is waited for.
    fn until_run(&self, what: &str, script: &str, arguments: &[&str]) -> Value {
        let body = json!({"script": script, "args": arguments});
        let begin = Instant::now();
        loop {
            match try_call("POST", &format!("{}/execute/sync", self.session), Some(&body)) {
                Ok(Value::Null) | Err(_) => {}
                Ok(value) => return value,
            }
            wait::assert_within(begin, wait::DEADLINE, what);
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn find(&self, strategy: &str, value: &str) -> String {
        let element = self.post("element", &json!({"using": strategy, "value": value}));
        element[ELEMENT].as_str().expect("an element").to_owned()
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        call("POST", &format!("{}/{command}", self.session), Some(body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver's end would leave Chromium running.
        if !thread::panicking() {
            call("DELETE", &self.session, None);
            return;
        }
        let _ =
            Command::new("curl").args(["--silent", "--max-time", "10", "--request", "DELETE", &self.session]).output();
    }
}

fn call(method: &str, url: &str, body: Option<&Value>) -> Value {
    try_call(method, url, body)
        .unwrap_or_else(|error| panic!("{method} {url}: {} {}", error["error"], error["message"]))
}

/// The driver's answer, or the error that it reports.
fn try_call(method: &str, url: &str, body: Option<&Value>) -> Result<Value, Value> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--request", method, url]);
    if body.is_some() {
        curl.args(["--header", "Content-Type: application/json", "--data-binary", "@-"]);
    }
    curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = curl.spawn().expect("curl is installed");
    let mut input = running.stdin.take().expect("standard input is piped");
    input.write_all(body.map(ToString::to_string).unwrap_or_default().as_bytes()).expect("curl reads");
    drop(input);
    let output = running.wait_with_output().expect("curl ends");
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("chromedriver answers: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let value = &answer["value"];
    if value["error"].is_null() { Ok(value.clone()) } else { Err(value.clone()) }
}
