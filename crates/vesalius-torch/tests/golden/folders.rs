//! From image files to the number, as whole programs of the reference packages go: `golden/folders.py`.

use super::parts::seeded_inception;
use super::pseudo::double;
use super::{assert_close, golden, numbers};
use image::{DynamicImage, GrayImage, RgbImage};
use std::path::Path;
use tch::{Device, Tensor};
use vesalius_torch::features::Extractor;
use vesalius_torch::features::images::{FolderImages, of_images_by_each};
use vesalius_torch::features::inception::Dialect;
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::frechet::{Divisor, of_sets};
use vesalius_torch::metrics::inception_score::inception_score;
use vesalius_torch::metrics::kernel::{Subset, kernel_distance};
use vesalius_torch::nets::frozen::inception::FidInception;

const HEIGHT: usize = 40;
const WIDTH: usize = 48;

/// `[H, W, 3]`: see `golden/folders.py`.
fn pixels(name: &str, shift: f64) -> Vec<u8> {
    let flat = |tensor: Tensor| Vec::<f64>::try_from(tensor.reshape([-1])).unwrap();
    let wave = flat(double(&format!("{name}.wave"), &[2, 3, 3]));
    let noise = flat(double(&format!("{name}.noise"), &[HEIGHT as i64, WIDTH as i64, 3]));
    let value = |at: usize| {
        let (y, x) = ((at / 3 / WIDTH) as f64 / 40.0, (at / 3 % WIDTH) as f64 / 40.0);
        let sine = |k: usize| {
            let a = &wave[(3 * k + at % 3) * 3..];
            (6.0 * (a[0] * y + a[1] * x) + 3.0 * a[2]).sin()
        };
        let value = f64::midpoint(sine(0), sine(1)) * 0.7 + noise[at] * 0.2 + shift;
        ((value + 1.0) * 127.5).floor().clamp(0.0, 255.0) as u8
    };
    (0..HEIGHT * WIDTH * 3).map(value).collect()
}

fn write(folder: &Path, side: &str, count: usize, shift: f64) {
    std::fs::create_dir(folder).unwrap();
    let (height, width) = (HEIGHT as u32, WIDTH as u32);
    for i in 0..count {
        let rgb = pixels(&format!("folders.{side}.{i}"), shift);
        let image: DynamicImage = if i + 4 >= count {
            let red = rgb.into_iter().step_by(3).collect();
            GrayImage::from_raw(width, height, red).unwrap().into()
        } else {
            RgbImage::from_raw(width, height, rgb).unwrap().into()
        };
        image.save(folder.join(format!("{i:03}.png"))).unwrap();
    }
}

/// The seeded network as an extractor.
struct Seeded<'a>(&'a FidInception, Dialect);

impl Extractor for Seeded<'_> {
    fn name(&self) -> String {
        "seeded".to_owned()
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn features(&self, image: &Tensor) -> anyhow::Result<Tensor> {
        tch::no_grad(|| Ok(self.0.forward(&self.1.input(image)?)))
    }
}

#[test]
fn folders_of_files_get_the_packages_numbers() {
    let golden = golden("folders");
    let work = tempfile::tempdir().unwrap();
    let folders = ["real", "fake"].map(|side| work.path().join(side));
    write(&folders[0], "real", 40, 0.0);
    write(&folders[1], "fake", 50, 0.15);
    let network = seeded_inception();
    let extractors = Dialect::ALL.map(|dialect| Seeded(&network, dialect));
    // All three dialects in one walk over the files of a side.
    let features = |folder: &Path| {
        let images = FolderImages::open(folder).unwrap();
        let extractors = extractors.each_ref().map(|extractor| extractor as &dyn Extractor);
        of_images_by_each(&extractors, &images, &mut |_| {}).unwrap()
    };
    let [real, fake] = folders.each_ref().map(|folder| features(folder));
    for ((dialect, real), fake) in Dialect::ALL.into_iter().zip(&real).zip(&fake) {
        let sets = [("real", real), ("synthetic", fake)];
        let [real, synthetic] = sets.map(|(side, x)| FeatureSet::new(side, x).unwrap());
        let name = dialect.name();
        let fid = of_sets(&real, &synthetic, Divisor::Unbiased).unwrap();
        assert_close(name, &[fid], &numbers(&golden[name]), 0.0, 1e-3);
        if dialect == Dialect::TorchFidelity {
            let kid = kernel_distance(&real, &synthetic, Subset::Fixed(30)).unwrap().mean;
            assert_close("kid", &[kid], &numbers(&golden["kid"]), 0.0, 1e-3);
            let score = inception_score(&tch::no_grad(|| network.logits(fake))).unwrap().mean;
            let expected = numbers(&golden["inception_score"]);
            assert_close("inception score", &[score], &expected, 0.0, 1e-3);
        }
    }
}
