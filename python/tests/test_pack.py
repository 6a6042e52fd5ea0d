"""Packs that the program wrote, read here; arrays written here, read by the program."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import vesalius
from vesalius import Pack, VesaliusError


def inspected(path: Path) -> dict:
    return vesalius.run("inspect", path, json=True, quiet=True).json()


@pytest.mark.parametrize("name", ["pack", "colour"])
def test_a_pack_is_what_the_program_says_of_it(work: Path, name: str) -> None:
    pack, said = Pack(work / name), inspected(work / name)
    pack.check()
    assert pack.digest == said["digest"]
    sides = {side["split"]: side for side in said["sides"]}
    assert len(pack) == sum(side["slices"] for side in sides.values()) == len(pack.images) == len(pack.masks)
    kind = {"pack": np.uint8, "colour": np.uint16}[name]
    assert pack.images.dtype == kind and pack.masks.dtype == np.uint8
    assert pack.images.shape[1:] == ({"pack": 1, "colour": 3}[name], 32, 32)
    assert not pack.images.flags.owndata and not pack.images.flags.writeable, "a view of the file"
    for side in ("train", "test"):
        indices = pack.indices(side)
        assert len(indices) == sides[side]["slices"]
        assert len(pack.patients(side)) == sides[side]["patients"]
        shares = [(pack.masks[indices] == label).mean() for label in range(len(pack.classes))]
        assert np.allclose(shares, [found["pixel_share"] for found in sides[side]["classes"]])
    assert not set(pack.patients("train")) & set(pack.patients("test"))
    for i in (0, len(pack) - 1):
        image, mask = pack[i]
        assert np.array_equal(image, pack.images[i]) and np.array_equal(mask, pack.masks[i])
    assert pack.masks.max() == len(pack.classes) - 1


def test_pixels_are_those_that_the_program_exports(work: Path) -> None:
    import nibabel

    vesalius.run("export", work / "colour", as_="nnunet", out=work / "raw", quiet=True)
    pack = Pack(work / "colour")

    def exported(path: Path) -> np.ndarray:
        return np.asarray(nibabel.load(path).dataobj).squeeze().T

    for i in range(len(pack)):
        name, part = pack.case(i)["id"], "Tr" if pack.side(i) == "train" else "Ts"
        assert np.array_equal(exported(work / f"raw/labels{part}/{name}.nii.gz"), pack.masks[i])
        for channel in range(3):
            assert np.array_equal(exported(work / f"raw/images{part}/{name}_000{channel}.nii.gz"), pack.images[i, channel])


def test_volumes_have_planes(work: Path, tmp_path: Path) -> None:
    import nibabel

    pack = Pack(work / "volumes")
    assert pack.images.shape[1:] == (1, 8, 32, 32) and pack.masks.shape[1:] == (8, 32, 32)
    pack.check()
    assert "volumes of 1x8x32x32" in repr(pack)
    vesalius.run("export", pack.path, as_="nifti", out=tmp_path / "nifti", quiet=True)
    for i in range(len(pack)):
        file = tmp_path / "nifti" / "images" / f"{pack.case(i)['id']}.nii.gz"
        assert (np.asarray(nibabel.load(file).dataobj).transpose(2, 1, 0) == pack[i][0][0]).all()
    made = vesalius.write_pack(pack.images, pack.masks, like=pack, name="mine", trained_on=pack, out=tmp_path / "made")
    assert np.array_equal(made.images, pack.images) and np.array_equal(made.masks, pack.masks)
    with pytest.raises(VesaliusError, match="of 4 planes, expected volumes of 8"):
        vesalius.write_pack(
            pack.images[:, :, :4], pack.masks[:, :4], like=pack, name="mine", trained_on=pack, out=tmp_path / "no"
        )
    # What `export` wrote, from files.
    vesalius.run(
        "import", tmp_path / "nifti", like=pack.path, name="mine", trained_on=pack.path, out=tmp_path / "files", quiet=True
    )
    assert np.array_equal(Pack(tmp_path / "files").images, pack.images)


def test_every_fold_has_its_own_sides_and_digest(work: Path) -> None:
    with pytest.raises(VesaliusError, match="2 folds, expected one of them: fold=0 to 1"):
        Pack(work / "folded")
    folds = [Pack(work / "folded", fold=fold) for fold in (0, 1)]
    tested = [pack.patients("test") for pack in folds]
    assert sorted(sum(tested, [])) == folds[0].patients() and len(folds[0].patients()) == 4
    assert folds[0].digest != folds[1].digest
    assert folds[0].digest == inspected(work / "folded" / "fold-0")["digest"]
    assert folds[0].dataset == "hearts"
    with pytest.raises(VesaliusError, match="fold 2, expected 0 to 1"):
        Pack(work / "folded", fold=2)
    with pytest.raises(VesaliusError, match="no folds"):
        Pack(work / "pack", fold=0)


def test_damage_is_found_where_it_is(work: Path, tmp_path: Path) -> None:
    def damaged(name: str, change) -> Path:
        path = tmp_path / name
        shutil.copytree(work / "pack", path)
        change(path)
        return path

    def flip(at: int):
        def change(path: Path) -> None:
            data = bytearray((path / "slices.bin").read_bytes())
            data[at] ^= 1
            (path / "slices.bin").write_bytes(data)

        return change

    with pytest.raises(VesaliusError, match="header checksum does not match"):
        Pack(damaged("header", flip(20)))
    pack = Pack(damaged("slice", flip(64 + 5)))
    with pytest.raises(VesaliusError, match="slice 0: checksum does not match"):
        pack[0]
    with pytest.raises(VesaliusError, match="slice 0"):
        pack.check()
    assert pack[1], "the others are whole"
    with pytest.raises(VesaliusError, match="checksum table does not match"):
        Pack(damaged("table", flip(-5)))
    with pytest.raises(VesaliusError, match="not a pack"):
        Pack(damaged("magic", flip(0)))
    with pytest.raises(VesaliusError, match="bytes, expected"):
        Pack(damaged("short", lambda path: (path / "slices.bin").write_bytes((path / "slices.bin").read_bytes()[:-9])))

    def rename(path: Path) -> None:
        text = (path / "manifest.json").read_text()
        (path / "manifest.json").write_text(text.replace('"acdc"', '"mine"', 1))

    with pytest.raises(VesaliusError, match="changed since it was written"):
        Pack(damaged("manifest", rename))
    with pytest.raises(VesaliusError, match="manifest.json: cannot be read"):
        Pack(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["pack", "colour"])
def test_arrays_become_a_pack_that_the_program_takes(work: Path, tmp_path: Path, name: str) -> None:
    real = Pack(work / name)
    train = real.indices("train")
    made = vesalius.write_pack(
        real.images[train], real.masks[train], like=real, name="mine", trained_on=real, out=tmp_path / "made"
    )
    assert made.is_synthetic and np.array_equal(made.images, real.images[train])
    assert np.array_equal(made.masks, real.masks[train])
    assert made.manifest["provenance"]["gan"] == "mine"
    assert inspected(tmp_path / "made")["digest"] == made.digest
    scaled = real.images[train].astype(np.float32) / np.iinfo(real.images.dtype).max * 2 - 1
    again = vesalius.write_pack(
        scaled, real.masks[train], like=real, name="mine", value_range=(-1, 1), patients=real.patients("train"),
        out=tmp_path / "again",
    )
    assert np.array_equal(again.images, made.images)
    with pytest.raises(VesaliusError, match="expected"):
        vesalius.write_pack(scaled[:, :, :5], real.masks[train], like=real, name="mine", out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_dataset_is_what_monai_takes(work: Path) -> None:
    torch = pytest.importorskip("torch")
    pack = Pack(work / "colour")
    data = pack.torch("train", transform=lambda item: {**item, "seen": True})
    assert len(data) == len(pack.indices("train"))
    item = data[0]
    assert item["image"].shape == (3, 32, 32) and item["image"].dtype == torch.float32
    assert float(item["image"].max()) <= 1.0 and item["label"].shape == (1, 32, 32)
    i = item["slice"]
    assert np.array_equal(item["label"][0].numpy(), pack.masks[i])
    assert np.allclose(item["image"].numpy() * 65535, pack.images[i], atol=0.01)
    assert item["seen"] and item["patient"] in pack.patients("train")
    batch = next(iter(torch.utils.data.DataLoader(data, batch_size=2)))
    assert batch["image"].shape == (2, 3, 32, 32)


def test_digests_are_those_of_results(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "unet"
    vesalius.run(
        "segment", train=work / "pack", test=work / "pack", preset="small", filters=2, depth=2, steps=2, threads=1,
        out=out, quiet=True,
    )
    result = json.loads((out / "result.json").read_text())
    assert {given["sha256"] for given in result["inputs"]} == {Pack(work / "pack").digest}
