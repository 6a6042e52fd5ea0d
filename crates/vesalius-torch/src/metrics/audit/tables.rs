//! What an audit leaves to look at: a table of nearest images and a picture of the closest pairs.

use super::conclude::NearestByFeatures;
use super::run::{Searched, Sides};
use super::search::Match;
use super::views::{Prepared, View};
use crate::features::images::{ImageSet as _, PackImages};
use crate::pairs::batch;
use anyhow::Result;
use std::fmt::Write as _;
use tch::Tensor;
use vesalius_data::pack::manifest::PixelType;
use vesalius_data::pictures::closest::{ClosePair, closest};
use vesalius_data::text::escape::csv;

/// Columns of the table.
const COLUMNS: &str = "set,slice,patient,training_slice,training_patient,view,moved_rows,moved_columns,distance,ratio,\
                       p_value,flagged,ssim,feature_training_slice,feature_training_patient,feature_distance,feature_ssim";

/// CSV of every synthetic and held-out image with its nearest training image, by pixels and by features. Slices (or
/// volumes) are numbers in
/// their packs; shifts are pixels of the working size.
pub fn nearest_csv(
    sides: &Sides,
    searched: &Searched,
    features: Option<&[NearestByFeatures; 2]>,
) -> String {
    let mut text = format!("{COLUMNS}\n");
    let sets = [
        ("synthetic", &sides.synthetic, &searched.synthetic),
        ("held_out", &sides.held_out, &searched.held_out),
    ];
    for (side, (name, set, matches)) in sets.into_iter().enumerate() {
        for (i, found) in matches.iter().enumerate() {
            let slice = |set: &PackImages, i: usize| {
                let slice = set.indices[i];
                format!("{slice},{}", csv(&set.pack.manifest().case(slice).patient))
            };
            let Match { row, view, shift: [down, right], distance, ratio, ssim } = *found;
            let by_features = features.and_then(|both| both[side].of(i)).map_or_else(
                || ",,,".to_owned(),
                |(row, distance, ssim)| {
                    format!("{},{distance:.6},{ssim:.4}", slice(&sides.training, row))
                },
            );
            let _ = writeln!(
                text,
                "{name},{},{},{},{down},{right},{distance:.6},{ratio:.6},{:.6},{},{ssim:.4},{by_features}",
                slice(set, i),
                slice(&sides.training, row),
                csv(&View::of(view).describe()),
                searched.alarm.p_value(ratio),
                searched.alarm.goes_off(ratio)
            );
        }
    }
    text
}

/// Pictures `[N, C·D, H, W]` of volumes of D planes → `[N, C, H, D·W]`.
fn side_by_side(images: &Tensor, planes: i64) -> Tensor {
    let (n, channels, h, w) = images.size4().expect("a batch of images");
    let each = images.reshape([n, channels / planes, planes, h, w]);
    each.permute([0, 1, 3, 2, 4]).reshape([n, channels / planes, h, planes * w])
}

/// PNG of the `count` synthetic images with the smallest ratios, smallest first, at the working size.
///
/// # Errors
/// When an image is damaged.
pub fn picture(sides: &Sides, searched: &Searched, count: usize) -> Result<Vec<u8>> {
    let columns = if sides.synthetic.planes() > 1 { 1 } else { 3 };
    let matches = &searched.synthetic;
    let mut order: Vec<usize> = (0..matches.len()).collect();
    order.sort_by(|&a, &b| matches[a].ratio.total_cmp(&matches[b].ratio));
    order.truncate(count);
    let queries = Prepared::of_set(&sides.synthetic, &order)?.plain;
    let seen: Vec<Tensor> =
        order.iter().map(|&i| searched.references.as_seen(&matches[i])).collect();
    let planes = sides.synthetic.planes() as i64;
    let beside = |images: &Tensor| side_by_side(images, planes);
    let bytes = |images: &Tensor| batch::to_pixels(&beside(images), PixelType::U8);
    let (_, c, h, w) = beside(&queries).size4()?;
    let pairs: Vec<ClosePair> = bytes(&queries)?
        .into_iter()
        .zip(bytes(&Tensor::stack(&seen, 0))?)
        .zip(&order)
        .map(|((query, reference), &i)| ClosePair {
            query,
            reference,
            flagged: searched.alarm.goes_off(matches[i].ratio),
        })
        .collect();
    closest(&pairs, [c as usize, h as usize, w as usize], columns)
}
