#!/usr/bin/env python3
"""Two folders of PNG files judged by whole programs, from the files to the number: pytorch-fid, clean-fid and torch-fidelity (FID,
KID, Inception Score), on FID's network with the seeded weights of generate.py. The tests write the same files.

    python folders.py
"""
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from cleanfid import fid as cleanfid
from PIL import Image
from pytorch_fid import fid_score
from pytorch_fid.inception import InceptionV3
from torch_fidelity import calculate_metrics

from generate import seeded_inception_weights
from pseudo import uniform

HERE = Path(__file__).resolve().parent
torch.set_num_threads(2)


def pixels(name: str, shift: float) -> np.ndarray:
    """`[H, W, 3]`, 0 to 255: two waves whose directions and phases are a function of the name, with some noise."""
    a = uniform(f"{name}.wave", [2, 3, 3])
    y, x = np.mgrid[0:40, 0:48] / 40.0
    wave = sum(np.sin(6 * (a[k, :, 0] * y[..., None] + a[k, :, 1] * x[..., None]) + 3 * a[k, :, 2]) for k in (0, 1))
    noise = uniform(f"{name}.noise", [40, 48, 3])
    return np.clip(np.floor((wave / 2 * 0.7 + noise * 0.2 + shift + 1) * 127.5), 0, 255).astype(np.uint8)


def write(folder: Path, side: str, count: int, shift: float) -> None:
    folder.mkdir()
    for i in range(count):
        image = pixels(f"folders.{side}.{i}", shift)
        # The last four are grey files, which all three packages read as RGB.
        Image.fromarray(image[..., 0] if i >= count - 4 else image).save(folder / f"{i:03}.png")


def main() -> None:
    weights = seeded_inception_weights()
    import pytorch_fid.inception as reference

    reference.load_state_dict_from_url = lambda *args, **kwargs: weights
    with tempfile.TemporaryDirectory() as work:
        real, fake = Path(work) / "real", Path(work) / "fake"
        write(real, "real", 40, 0.0)
        write(fake, "fake", 50, 0.15)
        file = Path(work) / "weights.pth"
        torch.save({name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}, file)
        network = InceptionV3([3], resize_input=False, normalize_input=False).eval()

        def clean(x):
            with torch.no_grad():
                return network((x.float() - 128) / 128)[0].squeeze(-1).squeeze(-1)

        scores = calculate_metrics(
            input1=str(fake), input2=str(real), cuda=False, fid=True, kid=True, isc=True, kid_subset_size=30, kid_subsets=100,
            batch_size=10, feature_extractor_weights_path=str(file), verbose=False, cache=False)
        out = {
            "pytorch-fid": float(fid_score.calculate_fid_given_paths([str(real), str(fake)], 10, "cpu", 2048, 0)),
            "clean-fid": float(cleanfid.compute_fid(
                str(real), str(fake), mode="clean", custom_feat_extractor=clean, num_workers=0, batch_size=10,
                device=torch.device("cpu"), verbose=False)),
            "torch-fidelity": scores["frechet_inception_distance"],
            "kid": scores["kernel_inception_distance_mean"],
            "inception_score": scores["inception_score_mean"],
        }
    (HERE / "folders.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
