"""Verbs that open a docstring in the imperative, as the standard library's authors use them.

Collected from the first words of its docstrings (Python 3.11), and looked through by hand: words that are as often a
noun there (`File`, `Test`, `Error`) are left out, and forms of the third person (`Returns`) never enter.
"""

from __future__ import annotations

VERBS = frozenset(
    """
    abort accept acquire activate add adjust advance align allocate allow alter analyze append apply arrange ask
    assert assign associate attach attempt be begin bind block break build bypass cache calculate call cancel change
    check choose clean clear close collect combine compare compile complete compress compute configure connect
    construct convert copy count create deactivate decide declare decode decompress decorate define delegate delete
    deliver deregister derive describe destroy detach detect determine disable disassemble discard disconnect
    dispatch display divide do draw dump duplicate emit enable encode end enqueue ensure enter enumerate escape
    establish evaluate examine execute exit expand export extend extract feed fetch fill filter finalize find finish
    flush force forget fork format forward generate get give go grab group guess handle hash hide identify ignore
    implement import increment indent indicate inform inherit initialize initiate insert inspect install instantiate
    instruct interpret invalidate invert invoke iterate join keep kill launch leave list listen load locate lock log
    look lower make map mark match merge modify monitor move multiply navigate normalize notify obtain open output
    override pack parse pass pause perform pick place play pop populate prepare prepend preserve prevent print
    process produce propagate provide prune push put query quit quote raise read rebuild receive recognize record
    redirect reduce refresh register release reload remember remove rename render reopen repeat replace reply report
    represent request require reset resize resolve restore resume retrieve return reverse rewind rewrite rotate
    round run save scale scan schedule search seek select send separate serialize serve set show shuffle shut
    shutdown signal simulate skip sleep sort specify split start stop store strip submit substitute subtract suspend
    swap switch synchronize take tell terminate toggle transfer transform translate traverse truncate try turn
    unbind undo unlink unlock unmap unpack unpickle unquote unregister unset update upgrade upload use validate
    verify visit wait wake walk warn wrap write yield
    """.split()  # noqa: SIM905 -- a list of quoted words would be ten times as long
)
