//! How alike two images are at their best shift: normalised cross-correlation of the query's centre with the windows of
//! the reference (Lewis 1995; `skimage.feature.match_template`), by Fourier transform.

use tch::{Kind, Tensor};

/// Below this share of the range, squared and summed, a window is one grey level: it is like nothing.
const FLAT: f64 = 1e-8;

/// The best shift of each pair.
#[derive(Debug)]
pub struct Aligned {
    /// Correlation there, in [-1, 1]; 0 where a side is constant.
    pub correlation: Vec<f64>,
    /// Top left corner of the reference's window, 0…2·reach each: `reach` is no shift.
    pub corner: Vec<[i64; 2]>,
}

/// Correlation of the query's centre with each window of the reference that it can be moved to: batches `[n, C, h, w]`,
/// channels taken together; `[n, 2·reach + 1, 2·reach + 1]`, f32.
pub fn correlations(query: &Tensor, reference: &Tensor, reach: i64) -> Tensor {
    let (n, _, h, w) = query.size4().expect("a batch of images");
    let (inner_h, inner_w) = (h - 2 * reach, w - 2 * reach);
    let places = 2 * reach + 1;
    let centre = query.narrow(2, reach, inner_h).narrow(3, reach, inner_w);
    let centre = &centre - centre.mean_dim(&[1_i64, 2, 3][..], true, Kind::Float);
    let length = centre.square().sum_dim_intlist(&[1_i64, 2, 3][..], false, Kind::Double).sqrt();
    // The centre at the origin of a zero picture: windows inside the reference never wrap around.
    let at_origin = centre.constant_pad_nd([0, 2 * reach, 0, 2 * reach]);
    let spectrum = |x: &Tensor| x.fft_rfft2(None::<&[i64]>, [-2_i64, -1], "backward");
    let product = spectrum(reference) * spectrum(&at_origin).conj();
    let sums = product
        .sum_dim_intlist(&[1_i64][..], false, None::<Kind>)
        .fft_irfft2(&[h, w][..], [-2_i64, -1], "backward")
        .narrow(1, 0, places)
        .narrow(2, 0, places)
        .to_kind(Kind::Double);
    // Sum and square of each window from running sums.
    let running = |x: &Tensor| {
        x.sum_dim_intlist(&[1_i64][..], false, Kind::Double)
            .cumsum(1, None::<Kind>)
            .cumsum(2, None::<Kind>)
            .constant_pad_nd([1, 0, 1, 0])
    };
    let windows = |x: &Tensor| {
        let x = running(x);
        let corner = |y: i64, x0: i64| x.narrow(1, y, places).narrow(2, x0, places);
        corner(inner_h, inner_w) - corner(0, inner_w) - corner(inner_h, 0) + corner(0, 0)
    };
    let count = (query.size()[1] * inner_h * inner_w) as f64;
    let variance = windows(&reference.square()) - windows(reference).square() / count;
    let scale = variance.clamp_min(0.0).sqrt() * length.reshape([n, 1, 1]);
    let flat = scale.le(FLAT * count);
    (sums / scale.clamp_min(f64::MIN_POSITIVE)).masked_fill(&flat, 0.0).clamp(-1.0, 1.0)
}

/// The best of [`correlations`] for each pair.
pub fn align(query: &Tensor, reference: &Tensor, reach: i64) -> Aligned {
    let places = 2 * reach + 1;
    let (best, at) = correlations(query, reference, reach).flatten(1, -1).max_dim(1, false);
    let at: Vec<i64> = Vec::try_from(at).expect("a dense tensor");
    Aligned {
        correlation: Vec::try_from(best).expect("a dense tensor"),
        corner: at.into_iter().map(|at| [at / places, at % places]).collect(),
    }
}

/// Euclidean distance of two standardised images with this correlation: 0 for the same image, √2 for nothing in common.
pub fn distance(correlation: f64) -> f64 {
    (2.0 * (1.0 - correlation)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn a_moved_and_brightened_image_is_found_where_it_went() {
        tch::manual_seed(2);
        let wide = Tensor::rand([1, 2, 40, 36], (Kind::Float, Device::Cpu));
        let cut = |y: i64, x: i64| wide.narrow(2, y, 32).narrow(3, x, 28);
        let found = align(&cut(4, 4), &(cut(3, 6) * 0.7 + 0.1), 3);
        // The query's centre lies one row lower and two columns farther left in the reference.
        assert_eq!(found.corner, [[4, 1]]);
        assert!((found.correlation[0] - 1.0).abs() < 1e-5, "{}", found.correlation[0]);
        assert!(distance(found.correlation[0]) < 0.01);
    }

    #[test]
    fn constant_images_are_like_nothing() {
        let flat = Tensor::full([1, 1, 20, 20], 0.3, (Kind::Float, Device::Cpu));
        let found = align(&flat, &Tensor::rand_like(&flat), 1);
        assert_eq!(found.correlation, [0.0]);
        assert_eq!(align(&flat, &flat, 1).correlation, [0.0]);
        assert_eq!(distance(0.0), 2.0_f64.sqrt());
    }
}
