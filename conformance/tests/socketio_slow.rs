//! Socket.IO as its clients meet it: what takes a server 45 seconds.
//!
//! It needs a server: `cargo xtask test socketio`.

use std::time::{Duration, Instant};

use fanfare_conformance::real::{Outcome, ensure};
use fanfare_conformance::socketio::{CALM, Case, Http, Link, case, request, run};

#[test]
#[ignore = "needs a server"]
fn no_connect_within_45_s_closes() {
    let cases = [
        case("nothing said, over WebSocket", |mut s| async move {
            let mut websocket = s.websocket().await?;
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(44) {
                websocket.is_silent().await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Link::WebSocket(Box::new(websocket)).closes().await?;
            on_time(began)
        }),
        case("nothing said, over long-polling", |mut s| async move {
            let polling = s.polling().await?;
            let began = Instant::now();
            let mut http = Http::connect(s.address, s.fork()).await?;
            let poll = request(s.address, "GET", &polling.target("polling"), "", b"");
            http.send(&poll).await;
            let mut answer =
                http.answer_within(Duration::from_secs(30)).await?.ok_or("the poll was cut off")?;
            ensure(answer.body == b"2", || format!("{answer:?} came and no 2"))?;
            s.ask("POST", &polling.target("polling"), "", b"3").await?;
            http.send(&poll).await;
            answer = http.answer_within(Duration::from_secs(30)).await?.ok_or("the poll was cut off")?;
            ensure(answer.body == b"1" || answer.status == 400, || format!("{answer:?} came and no 1"))?;
            on_time(began)
        }),
        case("who has joined one namespace stays", |mut s| async move {
            let mut link = Link::WebSocket(Box::new(s.websocket().await?));
            link.connect("/custom,").await?;
            for _ in 0..47 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                link.send(r#"42/custom,1["message-with-ack"]"#).await?;
                link.expect("43/custom,1[]").await?;
            }
            link.connect("").await?;
            link.lives().await
        }),
    ];
    run(CALM, cases.map(Case::whole_only));
}

fn on_time(began: Instant) -> Outcome<()> {
    let took = began.elapsed().as_secs_f64();
    ensure((44.0..50.0).contains(&took), || format!("closed after {took:.1} s"))
}
