//! ADA's transformations against the authors' pipeline, each at fixed parameters (golden/stylegan2.py).

use super::pseudo::tensor;
use super::style::summary;
use super::{assert_close, golden, numbers, values};
use serde_json::Value;
use std::f64::consts::{FRAC_PI_2, PI};
use tch::Kind;
use vesalius_torch::ada::colour::{self, ColourMatrix};
use vesalius_torch::ada::geometry::{self, Affine, Order};

const HEIGHT: f64 = 16.0;
const WIDTH: f64 = 20.0;

/// What the authors' code calls a normal draw at a percentile: erfinv(2d − 1), at 0.3 and 0.8.
fn normal(percentile: f64) -> f64 {
    if percentile < 0.5 { -0.370_807_158_593_557_8 } else { 0.595_116_081_449_995 }
}

fn geometric(name: &str, d: f64) -> Option<Affine> {
    let shift = |u: f64, side: f64| (u * 0.125 * side).round_ties_even();
    Some(match name {
        "xflip" => Affine::scale(1.0 - 2.0 * (d * 2.0).floor(), 1.0),
        "rotate90" => Affine::rotation((d * 4.0).floor() * FRAC_PI_2),
        "xint" => {
            let u = d * 2.0 - 1.0;
            Affine::shift(-shift(u, WIDTH), -shift(u, HEIGHT))
        }
        "scale" => {
            let s = (normal(d) * 0.2).exp2();
            Affine::scale(1.0 / s, 1.0 / s)
        }
        "rotate" => Affine::rotation((d * 2.0 - 1.0) * PI),
        "aniso" => {
            let s = (normal(d) * 0.2).exp2();
            Affine::scale(1.0 / s, s)
        }
        "xfrac" => Affine::shift(-normal(d) * 0.125 * WIDTH, -normal(d) * 0.125 * HEIGHT),
        _ => return None,
    })
}

fn coloured(name: &str, d: f64, channels: i64) -> ColourMatrix {
    match name {
        "brightness" => ColourMatrix::brightness(normal(d) * 0.2),
        "contrast" => ColourMatrix::contrast((normal(d) * 0.5).exp2()),
        "lumaflip" if d >= 0.5 => ColourMatrix::luma_flip(),
        "hue" if channels > 1 => ColourMatrix::hue((d * 2.0 - 1.0) * PI),
        "saturation" if channels > 1 => ColourMatrix::saturation(normal(d).exp2()),
        _ => ColourMatrix::identity(),
    }
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
    let x = tensor("ada.image", &[2, channels, 16, 20], 1.0).set_requires_grad(true);
    let map = names
        .iter()
        .filter_map(|name| geometric(name, d))
        .reduce(|outer, inner| outer.then(&inner));
    let matrix = names
        .iter()
        .map(|name| coloured(name, d, channels))
        .reduce(|first, next| first.after(&next))
        .unwrap();
    let moved = map.map_or_else(|| x.shallow_clone(), |map| geometry::warp(&x, &[map, map], order));
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
