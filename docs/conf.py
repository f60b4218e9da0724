"""Build the site: sphinx-build -W -b html docs build/site."""

import seqtrain

project = "seqtrain"
author = "The seqtrain authors"
copyright = "2026, the seqtrain authors"
release = seqtrain.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["README.md"]
html_theme = "furo"
html_title = "seqtrain"

# Docstrings are Google style; single backquotes are code, as in Markdown.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
autodoc_default_options = {"members": True, "show-inheritance": False}
# Triton is an optional dependency, and its kernels are no part of the reference.
autodoc_mock_imports = ["onnx", "onnxruntime", "triton"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_fence_as_directive = ["math"]  # ```math, as GitHub shows it, too
myst_heading_anchors = 3


def keep_first_line(app, what, name, obj, options, lines):
    """Module docstrings are laid out for the reader of the source; the reference needs their first line."""
    if what == "module":
        del lines[1:]


def setup(app):
    app.connect("autodoc-process-docstring", keep_first_line)
