"""torch-fidelity on two folders of images. Usage: fidelity.py FOLDER KID_SUBSET"""
import sys

import torch
from torch_fidelity import calculate_metrics

folder, subset = sys.argv[1:]
torch.set_num_threads(2)
print(calculate_metrics(
    input1=f"{folder}/synthetic", input2=f"{folder}/real", cuda=False, fid=True, kid=True, isc=True, kid_subset_size=int(subset),
    batch_size=64, feature_extractor_weights_path=f"{folder}/weights.pth", verbose=False, cache=False))
