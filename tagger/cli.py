"""The command line: ``tagger predict``, ``train``, ``evaluate``, ``lexicon`` and ``models``.

Exit status: 0 for success, 2 for every mistake of the user (with one line on stderr), 130 when interrupted, 141 when
the reader of stdout has gone. Each command imports what it needs when it runs, so that ``tagger --help`` is instant.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, NoReturn

from tagger import __version__
from tagger.errors import ConfigurationError, TaggerError

__all__ = ["main"]

_USER_ERROR = 2
_INTERRUPTED = 130
_READER_GONE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; by default those of the process.

    Raises
    ------
    SystemExit
        From the argument parser: 0 for ``--help`` and ``--version``, 2 for arguments that do not fit.
    """
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except TaggerError as error:
        return _fail(str(error))
    except BrokenPipeError:
        _give_up_stdout()
        return _READER_GONE
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print("tagger: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _fail(message: str) -> int:
    from tagger._output import one_line

    print(f"tagger: error: {one_line(' '.join(message.split()))}", file=sys.stderr)
    return _USER_ERROR


def _give_up_stdout() -> None:
    """Let the interpreter flush what is left into nothing, instead of complaining at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(f"{message}; see {self.prog} --help"))


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="tagger",
        description="Chinese official and local news: pages into articles, articles into topics and spans.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tagger {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_predict(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_lexicon(commands)
    _add_models(commands)
    return parser


_PREDICT = """\
Find the articles of newspaper pages, their topics and spans.

A text file is one page (UTF-8, or GB18030 where the bytes say so). A table is one text a row, and gives one result a
row: JSON lines (.jsonl, .ndjson), CSV, TSV (with a header) or Parquet. "-" reads one page from stdin.
"""

_PREDICT_EXAMPLES = """\
examples:
  tagger predict page.txt
  tagger predict page.txt --format html --output page.html
  tagger predict rows.jsonl --as article --format jsonl --output results.jsonl

All inputs are checked to be there before anything is read. An input or row that cannot be read ends the run with
status 2, after the results before it are written; --skip-bad leaves it out instead and says so on stderr.
The JSON is defined by docs/prediction.schema.json.
"""


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="find articles, topics and spans in pages or tables",
        description=_PREDICT,
        epilog=_PREDICT_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help='text file, table, or "-" for stdin')
    add("--model", default="gov-news", metavar="NAME", help="name on the shelf, or folder (default: gov-news)")
    add("--format", default="table", choices=["table", "json", "jsonl", "html"], help="(default: table)")
    add("--as", dest="as_", default="page", choices=["page", "article"], help="what a text is (default: page)")
    add("--text-field", default="text", metavar="FIELD", help="field of a table that holds the text (default: text)")
    add("--id-field", metavar="FIELD", help="field that names the row (default: id, or else the row's number)")
    add("--output", default="-", metavar="FILE", help="file (for html of several files: folder) to write (default: -)")
    add("--skip-bad", action="store_true", help="leave out what cannot be read, and go on")
    add("--n-jobs", type=int, default=1, metavar="N", help="processes; -1 is one a core (default: 1)")
    parser.set_defaults(run=_predict)


def _predict(args: Namespace) -> None:
    from tagger._predict import predict

    predict(args)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a model as a recipe says", allow_abbrev=False)
    parser.add_argument("recipe", metavar="RECIPE.toml", help="what to train on, and how")
    parser.add_argument("--output", default="models", metavar="FOLDER", help="shelf to put the model on (models/)")
    parser.add_argument("--n-jobs", type=int, default=1, metavar="N", help="processes; -1 is one a core (default: 1)")
    parser.set_defaults(run=_train)


def _train(args: Namespace) -> None:
    from pathlib import Path

    run = _training("training.train")
    _say(run(Path(args.recipe), output=Path(args.output), n_jobs=args.n_jobs))


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="score a recipe or a model", allow_abbrev=False)
    parser.add_argument("target", metavar="RECIPE.toml|MODEL", help="recipe to cross-validate, or model to score")
    parser.add_argument("data", nargs="?", metavar="DATA", help="annotated articles to score a model on")
    parser.add_argument("--n-jobs", type=int, default=1, metavar="N", help="processes; -1 is one a core (default: 1)")
    parser.set_defaults(run=_evaluate)


def _evaluate(args: Namespace) -> None:
    run = _training("training.evaluate")
    _say(run(args.target, data=args.data, n_jobs=args.n_jobs))


_BUILD = """\
Learn from raw text, without labels, which words and pairs of characters keep the same company, and put that on the
shelf. A span tagger with it knows something about words that no annotated text holds.

Raw text is JSON lines (.jsonl, .ndjson, plain, .gz or .xz) with a field "text", or "body" and perhaps "title"; .txt
files; folders of these. A gazetteer is a UTF-8 file with an entry a line, and behind a tab its kind (by default the
file's name).
"""

_BUILD_EXAMPLES = """\
examples:
  tagger lexicon build archive/ --name my-lexicon
  tagger lexicon build archive/ --name my-lexicon --version 1.1.0 --gazetteer villages.tsv --jieba-names
  tagger lexicon build --name my-names --gazetteer villages.tsv

Use it in Python with SpanTagger(lexicon=Lexicon.load("my-lexicon")), in a recipe with [lexicon] model = "my-lexicon".
"""


def _add_lexicon(commands: Any) -> None:
    parser = commands.add_parser("lexicon", help="learn from raw text without labels, or look words up")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_build_lexicon(actions)
    show = actions.add_parser("show", help="clusters and kind of words in a lexicon", allow_abbrev=False)
    show.add_argument("name", metavar="NAME", help="name on the shelf, or folder")
    show.add_argument("words", nargs="+", metavar="WORD")
    show.set_defaults(run=_show_lexicon)


def _add_build_lexicon(actions: Any) -> None:
    parser = actions.add_parser(
        "build",
        help="learn a lexicon from raw text",
        description=_BUILD,
        epilog=_BUILD_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("corpora", nargs="*", metavar="CORPUS", help="raw text: files or folders")
    add("--name", required=True, help="what the shelf calls it: small letters, digits, '.', '_' and '-'")
    add("--version", default="1.0.0", help="major.minor.patch (default: 1.0.0)")
    add("--output", default="models", metavar="FOLDER", help="shelf to put it on (default: models/)")
    add("--gazetteer", action="extend", nargs="+", default=[], metavar="FILE", help="lists of names to take in")
    add("--jieba-names", action="store_true", help="take in the names in jieba's dictionary")
    add("--min-count", type=int, metavar="N", help="leave rarer words out (default: 20)")
    add("--min-pair-count", type=int, metavar="N", help="leave rarer pairs of characters out (default: 60)")
    add("--dimensions", type=int, metavar="N", help="of the vectors that are clustered (default: 100)")
    add("--clusters", type=int, nargs=3, metavar="N", help="coarse, middle and fine (default: 64 512 2000)")
    add("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    add("--licence", default="", metavar="TEXT", help="rights in the raw text and the lists, for manifest and card")
    parser.set_defaults(run=_build_lexicon)


def _build_lexicon(args: Namespace) -> None:
    from pathlib import Path

    parameters = {
        "min_count": args.min_count,
        "min_pair_count": args.min_pair_count,
        "n_dimensions": args.dimensions,
        "n_clusters": args.clusters,
    }
    run = _training("training.build_lexicon")
    report = run(
        [Path(path) for path in args.corpora],
        name=args.name,
        version=args.version,
        output=Path(args.output),
        gazetteers=[Path(path) for path in args.gazetteer],
        jieba_names=args.jieba_names,
        licence=args.licence,
        seed=args.seed,
        **{name: value for name, value in parameters.items() if value is not None},
    )
    _say(report)


def _show_lexicon(args: Namespace) -> None:
    from tagger._models import show_words

    print(show_words(args.name, args.words), end="")


def _training(module: str) -> Any:
    """Return ``run`` of a module of the training package, with its log on stderr."""
    import logging
    from importlib import import_module

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return import_module(module).run
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "training":
            raise ConfigurationError(
                f"{error.name} is not installed here: training comes with the project's repository and its wheel"
            ) from error
        raise ConfigurationError(
            f'training needs {error.name}, which is not installed; pip install "tagger[train]"'
        ) from error


def _say(report: object) -> None:
    if report is not None:
        print(report)


def _add_models(commands: Any) -> None:
    parser = commands.add_parser("models", help="list the models on the shelf, or show one", allow_abbrev=False)
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list", help="name, version, size, topics and span labels of every model; lexicons too"
    )
    listing.set_defaults(run=_list_models)
    show = actions.add_parser("show", help="card and scores of one model, after checking its files")
    show.add_argument("name", metavar="NAME", help="name on the shelf, or folder")
    show.set_defaults(run=_show_model)


def _list_models(args: Namespace) -> None:
    from tagger._models import list_models

    print(list_models(), end="")


def _show_model(args: Namespace) -> None:
    from tagger._models import show_model

    print(show_model(args.name), end="")
