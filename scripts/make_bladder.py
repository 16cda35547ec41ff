"""Make benchmarks/data/bladder.npz and bladder.json from Debian's package r-bioc-bladderbatch.

How to run it again (on Debian or Ubuntu; no root needed)::

    apt-get download r-bioc-bladderbatch && dpkg -x r-bioc-bladderbatch_*.deb bladderbatch
    python3 -m venv rdata-venv && rdata-venv/bin/pip install rdata==1.1.0
    rdata-venv/bin/python scripts/make_bladder.py bladderbatch --version 1.36.0-1

The package ``rdata`` reads R's files; nothing else in the project needs it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import rdata  # type: ignore[import-not-found, unused-ignore]

INSIDE = "usr/lib/R/site-library/bladderbatch/data/bladderdata.rda"
TARGET = Path(__file__).parents[1] / "benchmarks" / "data"
STEP = 1024  # log2 values are kept to 1/1024; the arrays' own noise is about 0.1


def main() -> None:
    """Read the package's data, write the two files, say how exact they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="the folder into which dpkg -x unpacked it")
    parser.add_argument("--version", required=True, help="the Debian package's version")
    options = parser.parse_args()
    log2, columns = read(options.package / INSIDE)
    stored = np.round(log2 * STEP).astype(np.uint16)
    error = stored / STEP - log2
    npz = TARGET / "bladder.npz"
    np.savez_compressed(npz, expression=stored, **columns)
    about = describe(columns, version=options.version, largest=float(np.abs(error).max()))
    about["precision"]["rms_error"] = float(f"{np.sqrt(np.mean(error**2)):.2g}")
    about["sha256"] = hashlib.sha256(npz.read_bytes()).hexdigest()
    (TARGET / "bladder.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    print(f"{npz}: {npz.stat().st_size} bytes, {stored.shape}, {about['precision']}")


def read(path: Path) -> tuple[np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
    """Give log2 expression (samples x probe sets) and what else is kept, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # R classes that rdata has no Python class for
        eset = rdata.conversion.convert(rdata.parser.parse_file(path))["bladderEset"]
    expression = eset.assayData["exprs"]  # probe sets x samples, with names
    samples = eset.phenoData.data
    probes, names = (axis.values for axis in expression.coords.values())
    assert names.tolist() == list(samples.index)
    columns = {
        "probe": probes.astype(np.str_),
        "sample": np.asarray([name.removesuffix(".CEL") for name in samples.index]),
        "outcome": np.asarray(samples["outcome"], dtype=np.str_),
        "cancer": np.asarray(samples["cancer"], dtype=np.str_),
        "batch": np.asarray(samples["batch"], dtype=np.uint8),
    }
    return np.asarray(expression).T, columns


def describe(
    columns: dict[str, np.ndarray[Any, Any]], *, version: str, largest: float
) -> dict[str, Any]:
    """Give the text beside the data: where it is from, what it means, how to read it."""
    return {
        "title": "Gene expression of 57 bladder samples (Affymetrix HG-U133A, RMA, log2)",
        "x": {"array": "expression", "divisor": STEP, "names": "probe"},
        "label": {"array": "cancer", "classes": ["Normal", "Cancer"]},
        "left_out": {
            "Biopsy": "the study took biopsies of urothelium with carcinoma in situ and of"
            " histologically normal urothelium beside it; the package does not say which is"
            " which, so that they are neither normal nor tumour here"
        },
        "samples": {
            name: dict(Counter(columns[name].tolist())) for name in ("cancer", "outcome", "batch")
        },
        "precision": {
            "stored": f"unsigned 16-bit integers, log2 value times {STEP}, rounded",
            "largest_error": float(f"{largest:.2g}"),
        },
        "provenance": {
            "package": f"Debian r-bioc-bladderbatch {version}, file {INSIDE}",
            "upstream": "https://bioconductor.org/packages/bladderbatch/ (Jeffrey T. Leek)",
            "made_by": "scripts/make_bladder.py",
            "changes": "expression rounded as stated and transposed; '.CEL' cut off the sample"
            " names; everything else as it is there",
            "samples": "names are GEO sample accessions, GSM71019 to GSM71077 with gaps",
        },
        "license": "Artistic-2.0 (copyright 2014-2019 Jeffrey T. Leek)",
        "citation": [
            "Dyrskjøt L, Kruhøffer M, Thykjær T, Marcussen N, Jensen JL, Møller K, Ørntoft TF."
            " Gene expression in the urinary bladder: a common carcinoma in situ gene expression"
            " signature exists disregarding histopathological classification."
            " Cancer Research 2004; 64: 4040-4048.",
            "Leek JT, Scharpf RB, Corrada Bravo H, Simcha D, Langmead B, Johnson WE, Geman D,"
            " Baggerly K, Irizarry RA. Tackling the widespread and critical impact of batch"
            " effects in high-throughput data. Nature Reviews Genetics 2010; 11: 733-739.",
        ],
        "caution": "classes and processing dates (batch) are confounded: normal samples are"
        " of batches 2 and 3, tumours of 1, 2 and 5",
    }


if __name__ == "__main__":
    main()
