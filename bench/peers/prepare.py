"""What `vesalius prepare acdc` does, with nibabel, NumPy and scikit-image. Usage: prepare.py DIR OUT.npz"""
import glob
import sys
import time

import nibabel as nib
import numpy as np
from skimage.transform import resize

SIZE = 128
start = time.perf_counter()
images, masks = [], []
for path in sorted(glob.glob(sys.argv[1] + "/**/*_frame*_gt.nii.gz", recursive=True)):
    volume = np.asarray(nib.load(path.replace("_gt", "")).dataobj, dtype=np.float32)
    labels = np.asarray(nib.load(path).dataobj)
    low, high = np.percentile(volume, [0.5, 99.5])
    volume = np.clip((volume - low) / (high - low), 0, 1)
    side = max(volume.shape[:2])
    before = [(side - n) // 2 for n in volume.shape[:2]]
    pad = [(b, side - n - b) for b, n in zip(before, volume.shape[:2])] + [(0, 0)]
    volume, labels = np.pad(volume, pad), np.pad(labels, pad)
    for k in range(volume.shape[2]):
        image = resize(volume[:, :, k], (SIZE, SIZE), order=1, anti_aliasing=True)
        images.append(np.round(image * 255).astype(np.uint8))
        mask = resize(labels[:, :, k], (SIZE, SIZE), order=0, anti_aliasing=False, preserve_range=True)
        masks.append(mask.astype(np.uint8))
np.savez(sys.argv[2], images=np.stack(images), masks=np.stack(masks))
print(f"{time.perf_counter() - start:.3f}")
