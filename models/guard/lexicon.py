"""Ordinary English words, told from names: a short list of them, and the endings that they have."""

from __future__ import annotations

from models.guard.text import FUNCTION_WORDS, stem

_ENDINGS = (
    *("ing", "ings", "ed", "ly", "tion", "tions", "sion", "sions", "ment", "ments", "ness", "ity"),
    *("ities", "ive", "ives", "able", "ible", "ous", "ful", "less", "ize", "izes", "ise", "ises"),
    *("ism", "ize", "ance", "ances", "ence", "ences", "ship", "ology", "ical", "ware", "wise"),
)
_DERIVED = ("ly", "tion", "tions", "tional", "mental", "ments", "ability", "ically", "ively")
_SHORTEST, _LONG = 6, 8
# Names that end like ordinary words.
_NAMES = frozenset(
    """
    beijing boeing nanjing chongqing reading fleming manning downing browning harding pershing
    channing golding wyoming ming king sterling kipling hastings billings hawking keating starling
    palestine levity trinity chevrolet clement sacramento florence provence constance lawrence
    terence clarence torrence valence software united mohammed ahmed mohamed sayed alfred fred
    italy beverly kimberly emily sicily molly sally kelly billy reilly o'reilly fidelity infinity
    hewlett carlyle cassidy unity affinity verity felicity olive clive activision television revlon
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_WORDS = frozenset(
    """
    ability able abuse academic accelerate access accord account accurate acquire action active
    actor adapt add address admire admit adopt adult advance adversarial adviser affair
    afterthought age agree ahead aid aide aim air airline airport alarm alert alleviate allow
    alternative amplify analysis anchor anger angry anniversary announce answer apart apparent
    appeal appear applause apply approach area argue arm army arrest art article ask assault
    asset athlete athletic attack attempt auction audio augment author automatic average avoid
    award awash baby back background bad balance ball ban bank bar barb barrel base baseline
    batter battle bayesian bear beat become beer begin behind bell benchmark benefit berth best
    bet better beyond bid bidder big bill black blast block blow board body boil bolster bomb
    bond bone book boolean boom boost border boss bottom bounty box boy boycott brace brain
    branch break bribe bridge brief bring broad broadband broker budget bug build building
    bureaucracy business buy buyer bypass call camera camp campaign cancer candidate capital
    captain car card care career carrier carry case cash cast cause cell center central centre
    century certify challenge champion chance change channel chaos chapter character charge
    chase cheap check chemical chief child children chip choice choose citizen city civil claim
    clash class classic classifier classify clean clear client climate climb close closure cloud
    club clue cluster coach coal coast code cold college color colour combat combine combining
    come command commerce common community company compare comparison compete competitor complex
    compositional compress compute computer concept concern conditional conflict congress
    connect conquer consider constraint construct consumer contain contend content continue
    contract contrary contrast contribute control controversial convert cool copy core corporate
    correct cost count country coup couple course court courtesy cover crack craft crash crater
    crazy create credit crime crisis critic cross crowd crude cruise crush crystal culture cup
    curb currency current curtail customer cut cyber daily damage danger dark data date day dead
    deadline deal death debate debt debut decade decide decompose decouple decry deep deepen
    defeat defence defend defense deficit define defy delay deliver demand democracy demonstrate
    deny depend deploy depth deputy derive describe desert design desktop despite destroy detach
    detail detainee detect develop device devise dialogue die diet differ different digital dip
    diplomat direct dirty disclosure discourage discover discretize discuss disease disentangle
    display dispute distance distill distribute divide dividend doctor document dollar domain
    dominant door double doubt dove draft draw dream drift drive driver drop dropout drug dual
    duel duo dynamic early earn earth ease east easy economist economy edge effect efficient
    effort eight election electric embed embrace emotion employ empty enable encode encoder
    encourage end endorse enemy energy engine enhance enjoy ensure entangle enter entire entry
    envoy equal equip era error estimate ethic euclidean evaluate event evidence evolve ex exact
    examine example excess exchange exec executive exit expand expect expert explain exploit
    explore export expose extend extra extract extreme eye face fact factor factorize factory
    fail failure fair faith fall false family fan fantasy far farm fast fate father fault fear
    feature federal feed feel fell fellow female fewer field fierce fight fighter figure file
    fill film filter final finale finance find fine finetune finish fire firm first fish five
    fix flat fleet flight flip float flood flop flow focus food foot footage football force
    forecast foreign forget form formal format former formulate forum forward fossil found four
    frame framework fraud free freedom freeze fresh friend front fuel full fun function fund
    further fuse future gain galaxy game gap gas gated gather gaussian gender gene general
    generate generic geometric get giant giddy girl give given glass global glory glow go goal
    gold good government govt grab grade gradient grand graph graphic great green ground group
    grow growth guarantee guard guide gun gymnast habit hail half halftime halt hand handheld
    handicap happy hard hardware harm hate head headache headline headshake heal health hear
    heart heat heavy heel helm help hero high highlight hint hire history hit hitch hold hole
    holiday home hoop hope hospital host hostage hot hour house huge human humble hundred hunt
    hurricane hurt hybrid hype hypothesis ice idea ideal identify ignite image impact import
    improve inch incorporate increase incremental index industrial industry infer inflation
    inform initial inject injury inner input inquiry inside insider insight inspector inspire
    instead insurance insurer intact integrate intelligent inter interact interest interior
    internal internet interpret introduce invert invest investigate investor invite isolate
    issue item iterate jet job join joint jointly jolly judge jump jungle jury justice keep
    kernel key kick kid kidnap kill killer kind knock know label labor labour lack land language
    large laser last late latent later launch law lawsuit lawyer layer layerwise lead leader
    league learn learner leave left legal legend legendary legislature lend length let letter
    leverage lie life lift light limit line linear link list listen live loan local lock log
    logic lonesome long longer look loom lose loss lost love low lower luck lurk machine magic
    mail main major make maker male mall mammoth man manage manager manipulate manual many map
    mark market markov markovian mask mass massage match material matrix matter maximize maximum
    mean measure media medical meet member memory men merge merger message meta metal method
    methodology metric middle might mile militant military militia mind miner mini minimal
    minimize minimum minister minor miracle misery miss missile mitigate mix mobile mode model
    modern modulate mom moment momentum money monitor month moral mother motion motor motorist
    move movie multi multimedia multiple multivariate murder music mystery name narrow nation
    national natural nature navy near need negative net network neural neuron new newbie news
    next night nine nip noise non normal normalize north note notebook notice novel nuclear nuke
    number object obtain occupy offer office officer official oil old one online onto open
    operate operator opponent oppose optimal optimize option oracle order organic origin
    orthogonal outer outline outlook outperform output outside overcome overseas own owner pack
    pact page pain pair palace panel panic paper parallel parameter parent park parliament parse
    part partial particle partner party pass passenger past patch patent path patient pattern
    pay peace peer pension people percent perfect perform perhaps peril period permit permute
    persist person personal perturb petroleum phase phone photo physical pick picture piece pile
    pilot pin pipeline piracy pirate pitcher place plan plane planet plant play player playlist
    playoff plea plead pledge plot plummet poetry point police policy political politics poll
    pool poor pop popular porn port portfolio pose position post poverty power practical
    practice pre predecessor predict prepare present preserve president press pretrain preview
    price prime principle print prior prison private prize pro probe problem procedure process
    processor produce product profit program programme progress project promote proof propagate
    propose prosecute prospect protect protest protester prototype prove provide prowl prune
    public publish pull pullout punch pure push put qualifier quality quantify quantize quantum
    quarter query question quick quiet quit race radical radio raid rail rain raise rally random
    range rank rap rapid rate raw ray reach react read reader ready real really reason rebel
    recall recent reconcile reconstruct record recover recovery recurrent red reduce reform
    reformulate refresh refuse regime region regional regular regularize reinterpret reject
    relate relation relax release relief remain remnant remote remove renewal reparameterize
    repeat replace reply report request require rescale rescue research reserve reset reshuffle
    resolve resource respond rest result resume resurface retail retailer retain rethink retire
    retrieve return reuse reveal revenue review revise revisit revoke reward rich right ring
    rise risk rival road robot robust rock rocket role roll root rose rotate round roundup route
    row rule ruler rumor rumour run runner rural safe safety sale same sample satellite save say
    scale scan scandal scarf scene schedule scheme school science scientist score scrap screen
    script search season seat second secret sector secure security see seek seem segment seize
    select self sell seller semi senate send senior sense sensory sequence series serve server
    service set settle seven several sex sexual shake shallow shape share sharp shed shell shift
    ship shock shop short shortage shot show shrink shrug shrunk shun shut shuttle side sign
    signal silver simple simplify simulate single site situation situational six size skill skip
    skirmish sky slam sleep slick slide slip slow sluggish small smart smooth smoothing snag
    snare sneaky so soccer social soft solar soldier solution solve solving someday sometimes
    song soon sorry sound source south southern space spaceport spam spare spark sparse spatial
    speak special specify speech speed spend spike sport spot spread spur spy stabilize stable
    stack staff stage stand standard star start state statistic status stay steal steam steel
    steer stem step stick still stochastic stock stop storage store storm story straight
    strategy stream street strength stress strike strong stronghold structure struggle student
    study stuff stumble stupid style subject submit subspace success sue suffer suggest suit
    summary summit sun super supervise supervised supplier supply support suppose suppress
    supreme surge surgery surprise survey survivor suspect swap sweat sweep swing switch symbol
    synthesis synthesize synthetic system table tackle tactic tag take tale talk tank tape
    target task tax teach teacher team tech technique technology teen telescope tell template
    temporal ten tennis tension tensor term terminal terror test testimony text theme
    theoretical theoretically theory thing think third thousand threat three throw thrown ticket
    tie tight time timeline tiny tip title toast today together token tomorrow ton tool top
    topic torch total touch tough tour tout track trade trader traditional traffic train
    transfer transform transformer transit translate transplant transport trap trash travel
    treat treaty tree trend trial trick trigger trip troop trouble truck trudge true trust truth
    try tube tumble tune turmoil turn turnaround tussle twin two type under undercut undergo
    understand unhealthy uniform unify union unique unit universal unknown unroll unsupervised
    unveil update upgrade uphold upper upright ups upsample urban urge use user using usual
    utilize value van variable variance variant various vector vehicle vendor venture verify
    version vertical veteran via victim video videogame view vigilante violate virtual virus
    vision visit visual voice volcano volume vote voter vow wage wait walk wall want war warm
    warn warrant wary watch water watermark wave way weak weakly weapon wear weather web week
    weigh weight welcome west western whistle white wide widen widow wife wild wildlife win wind
    window winner wireless wish witness woe woman women wonder woo word work worker world worry
    worse worst wound wrap wreck write writer wrong year yes yet yield young youngster youth
    zero zone
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_STEMS = frozenset(stem(word) for word in _WORDS)


def is_derived(word: str) -> bool:
    """Tell whether a folded word has an ending that hardly any name has.

    >>> is_derived("linearly"), is_derived("interactions"), is_derived("london")
    (True, True, False)
    """
    return word not in _NAMES and len(word) >= _LONG and word.endswith(_DERIVED)


def is_ordinary(word: str) -> bool:
    """Tell whether a folded word is one that a sentence may begin with without naming anybody.

    >>> is_ordinary("proposing"), is_ordinary("shares"), is_ordinary("beijing")
    (True, True, False)
    """
    if word in _NAMES:
        return False
    if word in _WORDS or word in FUNCTION_WORDS or stem(word) in _STEMS:
        return True
    return len(word) >= _SHORTEST and word.endswith(_ENDINGS)
