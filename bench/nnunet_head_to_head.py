#!/usr/bin/env python3
"""nnU-Net v2 (2-D, CPU) and `vesalius segment --preset nnunet` on one pack, with as many steps of as many slices.

nnU-Net is given the pack's slices as `vesalius export --as nnunet` writes them, with pixels of 1 mm: by its own rules it
would bring volumes of different spacing onto one grid, and the pack's pixels are what is compared. Its plan is its own but
for the batch. Both are trained one after the other with the same threads; Dice of the test patients by `vesalius score`.

Usage: nnunet_head_to_head.py PACK WORK --steps 2000 --seed 1 --threads 2 [--vesalius target/release/vesalius]
Needs nnunetv2 and nibabel (golden/requirements-plausibility.txt); WORK must not exist. Prints one JSON object.
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

EPOCH = 250


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--vesalius", default="target/release/vesalius")
    arguments = parser.parse_args()
    if arguments.steps % EPOCH:
        sys.exit(f"--steps {arguments.steps}: expected a multiple of {EPOCH}, an epoch of nnU-Net")
    pack, work = arguments.pack.resolve(), arguments.work.resolve()
    vesalius = str(pathlib.Path(arguments.vesalius).resolve())
    work.mkdir(parents=True)
    for name in ["raw", "preprocessed", "results"]:
        os.environ[f"nnUNet_{name}"] = str(work / name)
        (work / name).mkdir()
    os.environ.update({"nnUNet_compile": "f", "nnUNet_n_proc_DA": str(arguments.threads), "OMP_NUM_THREADS": str(arguments.threads)})
    dataset = work / "raw" / "Dataset501_Pack"
    run([vesalius, "export", pack, "--as", "nnunet", "--out", dataset])
    pixels_of_one_mm(dataset)
    # It says much while it works; the last words are this script's.
    with contextlib.redirect_stdout(sys.stderr):
        theirs = nnunet(dataset, work, arguments)
    theirs["dice"] = score(vesalius, dataset / "labelsTs", work / "predicted")
    started = time.monotonic()
    run([vesalius, "segment", "--preset", "nnunet", "--steps", arguments.steps, "--batch", 16, "--seed", arguments.seed,
         "--threads", arguments.threads, "--train", pack, "--test", pack, "--out", work / "ours"])
    seconds = time.monotonic() - started
    result = json.loads((work / "ours" / "result.json").read_text())
    dice = next(s["value"] for s in result["scores"] if s["metric"] == "dice" and s["of"] == "per_volume/mean")
    ours = {"seconds_per_step": seconds / arguments.steps, "dice": dice}
    print(json.dumps({"steps": arguments.steps, "seed": arguments.seed, "threads": arguments.threads, "nnunet": theirs,
                      "vesalius": ours, "dice_difference": ours["dice"] - theirs["dice"],
                      "faster": theirs["seconds_per_step"] / ours["seconds_per_step"]}, indent=1))


def run(command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def pixels_of_one_mm(dataset):
    import nibabel
    import numpy as np

    for path in dataset.glob("*/*.nii.gz"):
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), np.eye(4)), path)


def nnunet(dataset, work, arguments):
    import torch
    from batchgenerators.utilities.file_and_folder_operations import load_json, save_json
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    extract_fingerprints([501], num_processes=1)
    plan_experiments([501])
    path = work / "preprocessed" / dataset.name / "nnUNetPlans.json"
    plans = load_json(path)
    plan = plans["configurations"]["2d"]
    plan["batch_size"] = 16
    plans["continue_training"] = False
    save_json(plans, path, sort_keys=False)
    preprocess([501], configurations=["2d"], num_processes=[1])
    # Its planner sets as many threads; its loader then augments in the process that trains.
    torch.set_num_threads(arguments.threads)
    os.environ["nnUNet_n_proc_DA"] = "0"
    trainer = nnUNetTrainer(plans, "2d", "all", load_json(dataset / "dataset.json"), device=torch.device("cpu"))
    trainer.num_epochs = arguments.steps // EPOCH
    trainer.num_val_iterations_per_epoch = 1
    trainer.disable_checkpointing = True
    # Steps alone are counted: reading and augmenting are theirs, validation is not.
    seconds, step = [], trainer.on_train_epoch_end
    begun = {}

    def starts(original=trainer.on_train_epoch_start):
        begun["at"] = time.monotonic()
        return original()

    def ends(outputs):
        seconds.append(time.monotonic() - begun["at"])
        return step(outputs)

    trainer.on_train_epoch_start, trainer.on_train_epoch_end = starts, ends
    trainer.run_training()
    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
    predictor.manual_initialization(trainer.network, trainer.plans_manager, trainer.configuration_manager, None,
                                    trainer.dataset_json, "nnUNetTrainer", trainer.inference_allowed_mirroring_axes)
    trainer.network.eval()
    trainer.set_deep_supervision_enabled(False)
    predictor.list_of_parameters = [trainer.network.state_dict()]
    (work / "predicted").mkdir()
    predictor.predict_from_files_sequential(str(dataset / "imagesTs"), str(work / "predicted"))
    features = plan["architecture"]["arch_kwargs"]["features_per_stage"]
    return {"seconds_per_step": sum(seconds) / arguments.steps, "patch": [int(side) for side in plan["patch_size"]],
            "features": features, "torch": torch.__version__}


def score(vesalius, reference, prediction):
    found = subprocess.run([vesalius, "score", "--reference", reference, "--prediction", prediction, "--json",
                            "--patient", "^(.*?)(?:_|$)"], check=True, capture_output=True, text=True)
    scores = json.loads(found.stdout)["scores"]
    return next(s["value"] for s in scores if s["metric"] == "dice" and s["of"] == "per_volume/mean")


if __name__ == "__main__":
    main()
