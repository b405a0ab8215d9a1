"""Passwords that everybody tries first: those of ten characters and more from the published lists of leaked ones.

Shorter ones are refused for their length. Each is compared without its case, accents kept; a word of `WORDS` is
refused too when only figures and signs stand around it, which is how people lengthen one.
"""

PASSWORDS = frozenset(
    """
    1234567890 0123456789 12345678910 123456789a 1234567891 1234567899 0987654321 9876543210 1029384756 1122334455
    1123581321 1231231234 123123123a 1234512345 123456123456 123654789a 1357924680 147258369a 147852369a 159357456852
    1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc q1w2e3r4t5 q1w2e3r4t5y6 zaq12wsxcde3 qazwsxedcrfv qazwsxedc123
    qwertyuiop qwertyuiop123 qwertyuiopasdfghjkl asdfghjkl123 asdfghjklz asdfghjklñ zxcvbnm123 zxcvbnmasdfghjkl
    qwerty123456 qwer1234asdf asdf1234qwer abcd123456 abc1234567 abc123abc123 a123456789 a1b2c3d4e5 aa12345678
    aaa1234567 passw0rd123 p@ssw0rd123 p@ssword123 pa$$word123 passwordpassword password1password letmeinplease
    changemenow changeme123 welcometohell iloveyouforever iloveyouso iloveyoubaby ilovejesus1 jesuschrist jesusislord
    christopher basketball1 footballfan superman123 spiderman1 michaeljordan dragonball1 dragonballz pokemon1234
    starwars123 minecraft123 strawberry chocolate1 butterfly1 sunshine123 princess123 samsung1234 microsoft1
    thisismypassword nopassword123 mypassword1 correcthorsebatterystaple administrator administrador
    losangeles losangeles213 california losdodgers dodgers2020 lakers24kobe kobebryant24 oaklandraiders
    contrasenia123 micontraseña micontrasena miclave123 tequieromucho teamomucho teamomuchomiamor miamorteamo
    mividaeres amorcito123 amordemivida diosesamor diosesbueno diostebendiga graciasadios jesusteamo jesucristo
    jesusesmipastor virgendeguadalupe sagradocorazon guadalupana vivamexico mexicolindo mexico2020 chivasguadalajara
    cruzazul123 pumasunam1 americaamerica aguilasdelamerica realmadrid barcelona1 barcelona123 corazondemelon
    estrellita princesita mariposita chocolate123 holacomoestas holahola123 familiaunida mifamilia1
    """.split()  # noqa: SIM905 - words are read and changed line by line
)
WORDS = frozenset(
    """
    password passwort passwd passphrase passcode secret secreto secreta letmein changeme welcome bienvenido bienvenida
    qwerty qwertz azerty asdfgh asdfghjkl zxcvbn zxcvbnm abcdef abcdefg abc abcd admin root user usuario usuaria test
    testing prueba demo guest invitado default login contraseña contrasena contraseñas clave miclave acceso iloveyou
    teamo tequiero loveyou love amor miamor jesus dios jesuscristo cristo angel angelito princesa princess sunshine
    monkey dragon football futbol baseball basketball soccer superman batman spiderman pokemon master shadow hello
    hola mexico chivas america aguilas pumas dodgers lakers raiders rams losangeles california guadalajara oaxaca puebla
    michoacan jalisco guatemala elsalvador honduras market mercado tienda produce verduras frutas avocado aguacate
    jitomate summer winter spring autumn verano invierno primavera otoño january lunes viernes domingo
    """.split()  # noqa: SIM905 - words are read and changed line by line
)
