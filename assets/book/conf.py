"""How Sphinx makes the site: from committed notebooks, running nothing, offline.

``arcvq book site`` assembles a folder with this file, the chapters and what is made of
them, see ``arcvq_lite.book.site``; run by itself on ``assets/book`` this finds none.
"""

from arcvq_lite import __version__
from arcvq_lite.book.docstrings import register_docstrings
from arcvq_lite.book.reference_style import register_style
from arcvq_lite.viz.style import CODES, INK, LATENTS, NEUTRAL

project = "arcvq_lite"
author = "The arcvq_lite authors"
version = release = __version__
project_copyright = author
html_title = "A textbook that runs"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
]
# The chapters link to the studies' reports as files; they are no pages of the book.
exclude_patterns = ["made/*", "assets/results/**/*.md"]
templates_path = ["_templates"]

# Notebooks are shown as they were committed. A widget is nothing without its kernel,
# so the HTML beside it, with its sliders, comes first; and no script is fetched.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [("html", "text/html", 0)]
nb_merge_streams = True

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
# An equation in dollars within a line, as JupyterLab takes it too.
myst_dmath_double_inline = True

# Pictures of letters: MathJax's other output fetches fonts. Its menu would fetch parts
# that are not here.
mathjax_path = "mathjax/tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}}

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = register_style()

# Docstrings call each other's names in single backticks, as code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_logo = html_favicon = "_static/logo.svg"
html_show_sphinx = False
html_copy_source = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

_LIGHT = {
    "color-brand-primary": CODES,
    "color-brand-content": CODES,
    "color-foreground-primary": INK,
    "color-api-name": CODES,
    "color-api-pre-name": CODES,
    "color-codes": CODES,
    "color-latents": LATENTS,
    # Darker than on white: it stands on the cards' grey.
    "color-latents-text": "#8A5A00",
    "color-neutral": NEUTRAL,
}
_DARK = {
    "color-brand-primary": "#A9C8E6",
    "color-brand-content": "#A9C8E6",
    "color-brand-visited": "#C9B8EA",
    "color-foreground-primary": "#DEE2E6",
    "color-background-primary": "#12171C",
    "color-background-secondary": "#171E25",
    "color-api-name": "#A9C8E6",
    "color-api-pre-name": "#A9C8E6",
    "color-codes": "#4A86BE",
    "color-latents-text": LATENTS,
}
html_theme_options = {
    "light_css_variables": _LIGHT,
    "dark_css_variables": _DARK,
    "sidebar_hide_name": False,
    "top_of_page_buttons": [],
}

setup = register_docstrings
