//! ADA's transformations against the authors' pipeline, each at fixed parameters (golden/stylegan2.py).

use super::pseudo::tensor;
use super::style::summary;
use super::{assert_close, golden, numbers, values};
use serde_json::Value;
use tch::Kind;
use vesalius_torch::augment::ada::colour::{self, ColourMatrix};
use vesalius_torch::augment::ada::geometry::{self, Affine, Order};
use vesalius_torch::augment::ada::{Draw, Effect, Transform};

const HEIGHT: i64 = 16;
const WIDTH: i64 = 20;

/// What the authors' code calls a normal draw at a percentile: erfinv(2d − 1), at 0.3 and 0.8.
fn normal(percentile: f64) -> f64 {
    if percentile < 0.5 { -0.370_807_158_593_557_8 } else { 0.595_116_081_449_995 }
}

/// Everything drawn at a percentile, in a transformation that happens.
fn drawn(name: &str, d: f64) -> (Transform, Draw) {
    let transform: Transform = serde_json::from_value(name.into()).unwrap();
    // Mirrors happen in the lower half of a draw, and in the upper half there.
    let mirrors = matches!(transform, Transform::Xflip | Transform::Lumaflip);
    let u = if mirrors { 1.0 - d } else { d };
    (transform, Draw { chance: 0.0, uniform: [u; 2], normal: [normal(d); 2] })
}

#[test]
fn every_transformation_and_its_gradient_are_the_authors() {
    let golden = golden("ada");
    let all = [
        "xflip",
        "rotate90",
        "xint",
        "scale",
        "rotate",
        "aniso",
        "xfrac",
        "brightness",
        "contrast",
        "lumaflip",
        "hue",
        "saturation",
    ];
    for (key, expected) in golden.as_object().unwrap() {
        for order in [Order::Once, Order::Twice] {
            compare(key, expected, &all, order);
        }
    }
}

fn compare(key: &str, expected: &Value, all: &[&str], order: Order) {
    let mut parts = key.splitn(2, '.');
    let (name, rest) = (parts.next().unwrap(), parts.next().unwrap());
    let (percentile, channels) = rest.rsplit_once('.').unwrap();
    let (d, channels): (f64, i64) = (percentile.parse().unwrap(), channels.parse().unwrap());
    let names: Vec<&str> = if name == "all" { all.to_vec() } else { vec![name] };
    let x = tensor("ada.image", &[2, channels, HEIGHT, WIDTH], 1.0).set_requires_grad(true);
    // The reference filters for a map that moves nothing, too.
    let (mut map, mut matrix, mut moves) = (Affine::identity(), ColourMatrix::identity(), false);
    for name in names {
        let (transform, draw) = drawn(name, d);
        moves |= transform < Transform::Brightness;
        match transform.effect(1.0, draw, [HEIGHT, WIDTH], channels) {
            Some(Effect::Geometry(step)) => map = map.then(&step),
            Some(Effect::Colour(step)) => matrix = matrix.after(&step),
            None => {}
        }
    }
    let moved = if moves { geometry::warp(&x, &[map, map], order) } else { x.shallow_clone() };
    let y = colour::apply(&moved, &[matrix, matrix]);
    (&y * tensor("ada.probe", &y.size(), 1.0)).sum(Kind::Float).backward();
    let found = values(&y.detach().slice(2, None, None, 7).slice(3, None, None, 9));
    assert_close(key, &found, &numbers(&expected[0]), 1e-4, 1e-4);
    for (what, tensor, expected) in
        [("ada", y, &expected[1]), ("ada.gradient", x.grad(), &expected[2])]
    {
        let expected = numbers(expected);
        let label = format!("{key} {what}");
        assert_close(&label, &summary(what, &tensor), &expected, 1e-4 * expected[0], 0.0);
    }
}
