import pandas as pd
import pytest
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.scaling import draw_scaling, tabulate_scaling
from blindmatch.storage import write_table


@pytest.fixture
def aggregate(tmp_path):
    rows = [
        {
            "dataset": "toys",
            "metric": "gw",
            "solver": "exact",
            "vision": vision,
            "language": "words",
            "size": size,
            "selection": "oracle" if size < 30 else "none",
            "rank": rank,
            "draw": draw,
            "accuracy": 0.5 + 0.1 * draw,
            "cost": 3.0,
            "true_cost": 3.0 + rank,
            "reported_cost": 0.3,
            "reported_true_cost": 0.3,
            "optimal": rank == 0,
            "seconds": 0.5,
        }
        for vision in ("a-net", "b-net")
        for size in (10, 20, 30)
        for rank in range(2 if size < 30 else 1)
        for draw in range(2)
    ]
    path = tmp_path / "aggregate.parquet"
    write_table(path, rows, {})
    return path


def test_the_figure_tells_its_n_its_selection_and_its_baseline(aggregate, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    styles = {"a-net": {"label": "A-Net", "color": "#123456", "marker": "s"}, "b-net": None}
    draw_scaling(aggregate, [tmp_path / "a.png"], title="Toys", styles=styles)
    axes = drawn[0].axes[0]
    assert "n = 4 a point (2 subsets" in axes.get_title()
    assert "2 at N = 30" in axes.get_title()
    assert "oracle-selected" in axes.get_xlabel()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.split(" (")[0] for label in labels] == ["random", "A-Net", "b-net"]
    assert axes.get_legend().get_title().get_text() == "with words"
    means = axes.lines[1].get_ydata()
    assert means.tolist() == pytest.approx([0.55, 0.55, 0.55])
    assert axes.lines[1].get_color() == "#123456"
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([1 / 10, 1 / 20, 1 / 30])


def test_figures_are_the_same_bytes_every_time(aggregate, tmp_path):
    for name in ("a", "b"):
        draw_scaling(
            aggregate, [tmp_path / f"{name}.pdf", tmp_path / f"{name}.png"], title="T", styles={}
        )
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_the_table_holds_the_numbers_of_the_figure(aggregate, tmp_path):
    tabulate_scaling(aggregate, tmp_path / "t.csv", tmp_path / "t.tex")
    table = pd.read_csv(tmp_path / "t.csv")
    first = table.iloc[0]
    assert len(table) == 6
    assert (first["n"], first["accuracy_mean"], first["proved_optimal"]) == (4, 0.55, 0.5)
    assert first["accuracy_sd"] == pytest.approx(0.0577, abs=1e-4)
    assert first["truth_beaten"] == 0.5
    assert first["selection"] == "oracle"
    assert r"\begin{tabular}" in (tmp_path / "t.tex").read_text()


def test_no_accuracy_is_drawn_where_the_pairing_is_unknown(tmp_path):
    write_table(tmp_path / "a.parquet", [{"accuracy": float("nan")}], {})
    with pytest.raises(BlindmatchError, match="true pairing of these embeddings is unknown"):
        draw_scaling(tmp_path / "a.parquet", [tmp_path / "a.pdf"], title="T", styles={})
