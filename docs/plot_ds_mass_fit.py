"""The mass histogram of the seed's notebook, at its size, fitted with its own model.

columnar-af simulate t3m-ds-phi-pi --events 740000 --files 8 --layout mini-2021 --data --era 2017B --seed 75 \
    --ds-yield 59200 --dplus-yield 29600 -o sample
columnar-af run ds_phi_pi 'sample/*.root' -o result
python docs/plot_ds_mass_fit.py result docs/ds_mass_fit.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from columnar_af.fits.ds_study import StudyOptions, study
from columnar_af.plotting.mass_fit import cms_style, mass_figure, write
from columnar_af.results import RunResult

NOTEBOOK = StudyOptions(peak="crystal-ball", background="exponential", shared_tails=False, free_tails=True)
"""github fsimone91/BPH_interactive_analysis, analysis.ipynb: two Crystal Balls and an exponential, 62 bins, 1.65 to 2.01."""


def main(result: Path, picture: Path) -> None:
    (era,) = study(RunResult.load(result), NOTEBOOK).eras
    with cms_style():
        write(mass_figure(era.fit, "simulated data of the notebook's size, the notebook's model"), picture)
    sys.stdout.write(f"{era.fit.spectrum.entries:.0f} entries, {era.fit.problems}, {era.fit.notes}\n")
    for name, parameter in era.fit.parameters.items():
        sys.stdout.write(f"{name} = {parameter.value:.6g} ± {parameter.error:.2g}\n")
    sys.stdout.write(f"{era.fit.goodness}\n{era.truth}\n{era.fit.window('ds')}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
