"""What the version before futures wrote, byte for byte: a frame of three trades and the snapshot of a book."""

from __future__ import annotations

from base64 import b85decode

FRAME = b85decode(
    "PeuU&#2>Dc?EnA(qyPW_0{{R3cmbPso`KC_tAWT{hx8PNN$Zm`^AhutQ>~mroI`_MLg0MY5DyT4;^dT7nR&$}MWwl^c_l~EI+vEE"
    "=9Q){hiY3^T$!7cpR*jQdr4Aaaq40qXK7(+eo5*QkO|9j6N|D_OO_ND<d-ZjDN0Pq%u7GKq$D#r`y2zmlf#nYlGFl*WyK|lC8fp7"
    "LxLP#JpJ667#J8B9|#(3bzoyi1+qclz=s0|*aUcZt}%rjE#+loc+tbmz_Eaxq2U1oLqkIY0|OJo3VTBaUIqqc1~#C2pcxz-08ejH"
    "RR"
)

SNAPSHOT = b85decode(
    "Spon6X8-^IQ~>}0Q~&?~cmcIlO>g2b5dAMcXQhO1a@%gDs+T?NvL{p_6HKrg?5yp85aPe@o7fJaRBE+Sd#ExW_RM?p#++HLt#nc="
    "mS^cOVNzLVn!Qkt<!5#fsu3(_YpJ*@1WTAb?bo`3>tXTZ&+o?tTx)JA2M!p28|}ynu{}4h0#`9xYlpBid?QuKaug9TW${Xd+do|H"
    "M9uP)KDcWvjxBzDe|-M=#4ZWj^1{J&W^1w41~u^2oK|$BfS*o@s_NSm_RYm$XHh7$8e`E!DRGd66Pxx@;NEGolCZ`pa)V8+WYh6{"
    "KA#TY4*--n3hP!k!TCG{r8@A6?peOznxfE+C%F_#7#?N-oYGh@))v!7mJ*}c^2&m)BRBg<U8O0Dt}1zrW|l8#T-O5GXX4Kw+BN7~"
    "K=(c&8w`e{bk=!yvfLrN^#&($D}9X4YifbI;QnoH+q5SsqoW)ww3KBT=F;r_;CkaCcYj>4uj87HKv_ueBMTBCZ*O#2I+#u-!|}xP"
    "PyfTIFw9$^G3#;xRi>5U@_eKCDD?cQ?$YQ6qGZ}^gn@#+5U72*AtDl18;R8jl*~dAY=S$%8EYm?X&N!d?u4#ls5{~8N?_yqgG-}$"
    "dIYDac_p~DL`ial8|SO=$!QN;;armcL^+Bmzumzc`mR3#Gh{}zSo(XILqEYF{;+JQ-h)Zj7r~rHn0F|Hus(sZCqY8`F3O3g;ua-}"
    "_fV4cH7IE<y=3o)**ydwYBs(OVVdv4>~8C6_RXV!UOs|}hYjzeuJB%l*Y6;V^*>aXfAoFwe@{jM0Zg)XIF<ka0000001N;C0C)jo"
    "WME)u2zlbQ)qxGjf`9`b4jf?P*%wvH_=5QYd&2{u3Wf&_3`_{H++q0&`xOw9ftLY+m>C#g2%(yZiNOH@7|IcVK^g%V7!d#f#oQc<"
    "cmZp0fPxSwD0spT1zrqLuocE|fHBx$3^;wD0cy_G7N|Mz<e=u1!xSmN7~C)h78>Rr37C8S!Q4ZVIfKnTUzix70E?eV5c&!;hLHqK"
    "Sd=pUheC$`P)HtwkpXHD19|!px)dHLJYZl@cqs3&-D5kD{L01nkMSRnWc>wF1SAn^@wgd_U&#?tU;sG==p+vYkYj*OVq^e02IwT9"
    "J0MP?tAh}pm{6ebprOG*;)VE&HNjuGu6l1-6MWKaZ4is}lg~U-PtO`<hOPX|^pCN;<Db!4r@c;lO-?%rz2*DJ_Yp{Peg_!@BtiaQ"
    "0F(bg3}D!T5b+GKS}GDdChR!ikTK&2$BrqR+A7OBxxW6FeN@vNvAnEvhr0Y1ZoP}4tNt=DrOgD!0HYJbUgI+$ukkT}JO%U`&?OMB"
    "0T~dlf!qf15vdH2PD%j)zbg0ycmZRWDCN1;fsNt7)pz9z+zbp1S``%_8lC@z5hw=)f1xxhgv$V<6K1^!>4t*_#@{e0h*-h0;)E0W"
    "{K8CdB@l)JUxr}3JvSHBT$n5X93~W%"
)
